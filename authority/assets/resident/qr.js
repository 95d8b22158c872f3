// QR symbols (ISO/IEC 18004) of one alphanumeric segment at level M, versions 1 to 25: every text of the code format fits.

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const VERSION_MAX = 25;
// Of level M, from version 1: correction bytes of a block, and blocks.
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21];
const MASKS = [
  (x, y) => (x + y) % 2,
  (x, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

const sideOf = (version) => 17 + 4 * version;

// Where alignment patterns stand, in both directions.
function alignments(version) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  const last = sideOf(version) - 7;
  return [6, ...Array.from({ length: count - 1 }, (_, at) => last - (count - 2 - at) * step)];
}

// Bytes of data and correction together.
function capacity(version) {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const count = Math.floor(version / 7) + 2;
    modules -= (25 * count - 10) * count - 55;
    if (version >= 7) modules -= 36;
  }
  return Math.floor(modules / 8);
}

const dataBytes = (version) => capacity(version) - CORRECTION[version - 1] * BLOCKS[version - 1];

function bitsOf(text, version) {
  const bits = [];
  const put = (value, length) => {
    for (let bit = length - 1; bit >= 0; bit--) bits.push((value >>> bit) & 1);
  };
  put(2, 4);
  put(text.length, version < 10 ? 9 : 11);
  for (let at = 0; at < text.length; at += 2) {
    const value = ALPHABET.indexOf(text[at]);
    if (at + 1 < text.length) put(value * 45 + ALPHABET.indexOf(text[at + 1]), 11);
    else put(value, 6);
  }
  return bits;
}

// Multiplies in GF(256) modulo 0x11d.
function times(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((b >>> bit) & 1) * a;
  }
  return product;
}

function divisor(degree) {
  const result = [...Array(degree - 1).fill(0), 1];
  let root = 1;
  for (let round = 0; round < degree; round++) {
    for (let at = 0; at < degree; at++) result[at] = times(result[at], root) ^ (result[at + 1] ?? 0);
    root = times(root, 2);
  }
  return result;
}

function remainder(data, by) {
  const result = Array(by.length).fill(0);
  for (const byte of data) {
    const factor = byte ^ result.shift();
    result.push(0);
    by.forEach((coefficient, at) => (result[at] ^= times(coefficient, factor)));
  }
  return result;
}

// Data and correction, block by block, column by column.
function codewords(data, version) {
  const [blocks, length] = [BLOCKS[version - 1], CORRECTION[version - 1]];
  const short = Math.floor(data.length / blocks);
  const longer = data.length % blocks;
  const by = divisor(length);
  let from = 0;
  const split = Array.from({ length: blocks }, (_, at) => {
    const part = data.slice(from, (from += short + (at >= blocks - longer ? 1 : 0)));
    return { part, correction: remainder(part, by) };
  });
  const all = [];
  for (let at = 0; at <= short; at++) for (const { part } of split) if (at < part.length) all.push(part[at]);
  for (let at = 0; at < length; at++) for (const { correction } of split) all.push(correction[at]);
  return all;
}

class Grid {
  constructor(version) {
    this.version = version;
    this.side = sideOf(version);
    this.dark = Array.from({ length: this.side }, () => Array(this.side).fill(false));
    this.fixed = Array.from({ length: this.side }, () => Array(this.side).fill(false));
  }
  fix(x, y, dark) {
    if (x < 0 || y < 0 || x >= this.side || y >= this.side) return;
    this.dark[y][x] = Boolean(dark);
    this.fixed[y][x] = true;
  }
  patterns() {
    const end = this.side - 1;
    for (let at = 0; at < this.side; at++) {
      this.fix(6, at, at % 2 === 0);
      this.fix(at, 6, at % 2 === 0);
    }
    for (const [x, y] of [[3, 3], [end - 3, 3], [3, end - 3]])
      for (let dy = -4; dy <= 4; dy++)
        for (let dx = -4; dx <= 4; dx++) {
          const ring = Math.max(Math.abs(dx), Math.abs(dy));
          this.fix(x + dx, y + dy, ring !== 2 && ring !== 4);
        }
    const places = alignments(this.version);
    const last = places.length - 1;
    places.forEach((y, row) => places.forEach((x, column) => {
      const finder = (row === 0 && (column === 0 || column === last)) || (row === last && column === 0);
      if (finder) return;
      for (let dy = -2; dy <= 2; dy++)
        for (let dx = -2; dx <= 2; dx++) this.fix(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
    }));
    this.format(0);
    if (this.version < 7) return;
    let rest = this.version;
    for (let at = 0; at < 12; at++) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
    const bits = (this.version << 12) | rest;
    for (let at = 0; at < 18; at++) {
      const [near, far] = [Math.floor(at / 3), this.side - 11 + (at % 3)];
      this.fix(far, near, (bits >>> at) & 1);
      this.fix(near, far, (bits >>> at) & 1);
    }
  }
  // Level M is 0, so that the data are the mask alone.
  format(mask) {
    let rest = mask;
    for (let at = 0; at < 10; at++) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
    const bits = ((mask << 10) | rest) ^ 0x5412;
    const bit = (at) => (bits >>> at) & 1;
    for (let at = 0; at <= 5; at++) this.fix(8, at, bit(at));
    this.fix(8, 7, bit(6));
    this.fix(8, 8, bit(7));
    this.fix(7, 8, bit(8));
    for (let at = 9; at < 15; at++) this.fix(14 - at, 8, bit(at));
    for (let at = 0; at < 8; at++) this.fix(this.side - 1 - at, 8, bit(at));
    for (let at = 8; at < 15; at++) this.fix(8, this.side - 15 + at, bit(at));
    this.fix(8, this.side - 8, true);
  }
  fill(bytes) {
    let at = 0;
    for (let right = this.side - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      const upward = ((right + 1) & 2) === 0;
      for (let step = 0; step < this.side; step++)
        for (const x of [right, right - 1]) {
          const y = upward ? this.side - 1 - step : step;
          if (this.fixed[y][x] || at >= bytes.length * 8) continue;
          this.dark[y][x] = ((bytes[at >>> 3] >>> (7 - (at & 7))) & 1) === 1;
          at++;
        }
    }
  }
  mask(mask) {
    for (let y = 0; y < this.side; y++)
      for (let x = 0; x < this.side; x++)
        if (!this.fixed[y][x] && MASKS[mask](x, y) === 0) this.dark[y][x] = !this.dark[y][x];
  }
  // How hard it is to read (§7.8.3): long runs, squares, what looks like a finder, imbalance.
  penalty() {
    let points = 0;
    let dark = 0;
    const lines = [this.dark, this.dark.map((_, x) => this.dark.map((row) => row[x]))];
    for (const line of lines.flat()) {
      const text = line.map((module) => (module ? "1" : "0")).join("");
      for (const run of text.match(/1{5,}|0{5,}/g) ?? []) points += run.length - 2;
      const padded = `0000${text}0000`;
      points += 40 * ((padded.match(/(?=00001011101)/g) ?? []).length + (padded.match(/(?=10111010000)/g) ?? []).length);
    }
    for (let y = 0; y < this.side; y++)
      for (let x = 0; x < this.side; x++) {
        const own = this.dark[y][x];
        if (own) dark++;
        if (y && x && own === this.dark[y - 1][x] && own === this.dark[y][x - 1] && own === this.dark[y - 1][x - 1]) points += 3;
      }
    return points + 10 * Math.floor(Math.abs((dark * 20) / (this.side * this.side) - 10));
  }
}

// Draws a text; `dark[y][x]`, without the quiet zone. Throws on what is no text of a code.
export function symbol(text) {
  if ([...text].some((character) => !ALPHABET.includes(character))) throw new RangeError("not alphanumeric");
  let version = 1;
  while (version <= VERSION_MAX && bitsOf(text, version).length > dataBytes(version) * 8) version++;
  if (version > VERSION_MAX) throw new RangeError("too long");
  const bits = bitsOf(text, version);
  const room = dataBytes(version);
  for (let end = 0; end < 4 && bits.length < room * 8; end++) bits.push(0);
  while (bits.length % 8) bits.push(0);
  const data = Array.from({ length: bits.length / 8 }, (_, at) => parseInt(bits.slice(at * 8, at * 8 + 8).join(""), 2));
  for (let pad = 0; data.length < room; pad++) data.push(pad % 2 ? 0x11 : 0xec);
  const grid = new Grid(version);
  grid.patterns();
  grid.fill(codewords(data, version));
  const scores = MASKS.map((_, mask) => {
    grid.mask(mask);
    grid.format(mask);
    const points = grid.penalty();
    grid.mask(mask);
    return points;
  });
  const best = scores.indexOf(Math.min(...scores));
  grid.mask(best);
  grid.format(best);
  return { side: grid.side, version, dark: grid.dark };
}

export const QUIET_ZONE = 4;

// The symbol as a path of an SVG or a canvas, one unit a module, quiet zone included.
export function path({ dark }) {
  let drawn = "";
  dark.forEach((row, y) => row.forEach((module, x) => {
    if (module) drawn += `M${x + QUIET_ZONE} ${y + QUIET_ZONE}h1v1h-1z`;
  }));
  return drawn;
}
