"""Checks and makes HS1 codes with python-cwt, which shares no line with ours.

Reads one JSON object a line from standard input and prints one a line:
  {"do": "verify", "public": HEX, "text": "HS1:..."}  -> {"claims": {...}} or {"refused": "why"}
  {"do": "issue", "secret": HEX, "public": HEX, "alg": -8 | -19, "claims": {...}} -> {"text": "HS1:..."}
  {"do": "status", "public": HEX, "token": HEX}       -> {"number": N, "bits": HEX} or {"refused": "why"}
"""

import hashlib
import json
import sys
import zlib

import cbor2
from cwt import COSE, COSEKey
from cwt import decode as decode_cwt

PREFIX = "HS1:"
BODY = -65537
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def from_base45(text):
    """RFC 9285, by its own words."""
    values = [ALPHABET.index(character) for character in text]
    data = bytearray()
    for at in range(0, len(values), 3):
        group = values[at : at + 3]
        number = sum(value * 45**place for place, value in enumerate(group))
        data += number.to_bytes(len(group) - 1, "big")
    return bytes(data)


def to_base45(data):
    text = []
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            text.append(ALPHABET[number % 45])
            number //= 45
    return "".join(text)


def kid_of(public):
    return hashlib.sha256(public).digest()[:8]


def algorithm_of(cose):
    protected = cbor2.loads(cose).value[0]
    return cbor2.loads(protected)[1]


def public_key(public, alg):
    return COSEKey.new({1: 1, 2: kid_of(public), 3: alg, -1: 6, -2: public})


def hexed(value):
    """CBOR as JSON: bytes as hexadecimal, keys as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): hexed(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [hexed(inner) for inner in value]
    return value


def verify(order):
    cose = from_base45(order["text"].removeprefix(PREFIX))
    key = public_key(bytes.fromhex(order["public"]), algorithm_of(cose))
    return {"claims": hexed(decode_cwt(cose, key))}


def issue(order):
    public, secret = bytes.fromhex(order["public"]), bytes.fromhex(order["secret"])
    claims = order["claims"]
    payload = {
        4: claims["exp"],
        6: claims["iat"],
        7: bytes.fromhex(claims["cti"]),
        BODY: {
            1: 0,
            2: bytes.fromhex(claims["person"]),
            3: claims["name"],
            4: 1,
            5: claims["last_four"],
            8: [claims["list"], claims["index"]],
        },
    }
    key = COSEKey.new({1: 1, 2: kid_of(public), 3: order["alg"], -1: 6, -2: public, -4: secret})
    protected = {1: order["alg"], 4: kid_of(public)}
    cose = COSE.new().encode(cbor2.dumps(payload), key, protected=protected)
    return {"text": PREFIX + to_base45(cose)}


def status(order):
    token = bytes.fromhex(order["token"])
    payload = COSE.new().decode(token, public_key(bytes.fromhex(order["public"]), algorithm_of(token)))
    claims = payload if isinstance(payload, dict) else cbor2.loads(payload)
    inner = claims[65533]
    assert inner["bits"] == 1
    return {"number": int(claims[2].rsplit(":", 1)[1]), "bits": zlib.decompress(inner["lst"]).hex()}


DO = {"verify": verify, "issue": issue, "status": status}

for line in sys.stdin:
    order = json.loads(line)
    try:
        answer = DO[order["do"]](order)
    except Exception as error:  # the library has many classes of refusal, and each is an answer here
        answer = {"refused": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer, ensure_ascii=False), flush=True)
