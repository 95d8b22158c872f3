// A live presentation: the credential, and the phone's signature of this half minute around it (the code format, kind 9).

import { PREFIX, decode, encode } from "./base45.js";

export const LIVES_S = 30;

// The head of a CBOR item (RFC 8949 §3), shortest form.
function head(major, value) {
  const type = major << 5;
  if (value < 24) return [type | value];
  if (value < 0x100) return [type | 24, value];
  if (value < 0x10000) return [type | 25, value >> 8, value & 255];
  return [type | 26, (value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
const number = (value) => (value < 0 ? head(1, -1 - value) : head(0, value));
const bytes = (value) => [...head(2, value.length), ...value];
const text = (value) => [...head(3, value.length), ...new TextEncoder().encode(value)];

const PROTECTED = [...head(5, 1), ...number(1), ...number(-8)];
const CLAIM = { exp: 4, iat: 6, cti: 7, body: -65537 };

// The text of the QR code for a moment; the key signs and is never seen.
export async function present(credential, key, now_s) {
  const cti = crypto.getRandomValues(new Uint8Array(8));
  const payload = [
    ...head(5, 4),
    ...number(CLAIM.exp), ...number(now_s + LIVES_S),
    ...number(CLAIM.iat), ...number(now_s),
    ...number(CLAIM.cti), ...bytes(cti),
    ...number(CLAIM.body), ...head(5, 2),
    ...number(1), ...number(9),
    ...number(11), ...bytes(decode(credential.slice(PREFIX.length))),
  ];
  // Sig_structure of RFC 9052 §4.4.
  const signed = [...head(4, 4), ...text("Signature1"), ...bytes(PROTECTED), ...bytes([]), ...bytes(payload)];
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", key, new Uint8Array(signed)));
  const sign1 = [...head(6, 18), ...head(4, 4), ...bytes(PROTECTED), ...head(5, 0), ...bytes(payload), ...bytes(signature)];
  return PREFIX + encode(sign1);
}
