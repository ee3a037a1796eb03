// Archives as bytes: a .tar.gz and a .zip of the same entries. Both keep the execute bit and carry no time of
// their own, so the same files always give the same archive.

import { gzipSync, deflateRawSync } from 'node:zlib';

/**
 * @typedef {{path: string, data: Buffer, executable?: boolean}} Entry
 */

const mode = (entry) => (entry.executable ? 0o755 : 0o644);

/** What npm gives the files of its own archives: 26 October 1985. */
const SECONDS = 499162500;

/** One header of a tar archive in the form `ustar`. */
function tarHeader(entry) {
  if (Buffer.byteLength(entry.path) > 100) throw new Error(`too long for a tar archive: ${entry.path}`);
  const header = Buffer.alloc(512);
  const octal = (number, at, length) => header.write(number.toString(8).padStart(length - 1, '0'), at);
  header.write(entry.path, 0);
  octal(mode(entry), 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(entry.data.length, 124, 12);
  octal(SECONDS, 136, 12);
  header.fill(' ', 148, 156);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** A gzipped tar archive. */
export function tarGz(entries, level = 9) {
  const parts = entries.flatMap((entry) => [
    tarHeader(entry), entry.data, Buffer.alloc((512 - (entry.data.length % 512)) % 512),
  ]);
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(1024)]), { level });
}

const CRC = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc >>> 0;
});

function crc32(data) {
  let crc = 0xffffffff;
  for (const byte of data) crc = CRC[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** 1 January 1980, the first day that a zip archive can name. */
const FIRST_DAY = (1 << 5) | 1;
/** Made on Unix, by version 2.0 of the format: readers take the mode from the attributes then. */
const MADE_BY = (3 << 8) | 20;
/** Names are UTF-8. */
const UTF8 = 1 << 11;
const DEFLATED = 8;
const REGULAR_FILE = 0o100000;

/** A zip archive. */
export function zip(entries, level = 9) {
  const files = [];
  const directory = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.path);
    const packed = deflateRawSync(entry.data, { level });
    // The 26 bytes that the header before the file and the one in the directory share.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(UTF8, 2);
    common.writeUInt16LE(DEFLATED, 4);
    common.writeUInt16LE(FIRST_DAY, 8);
    common.writeUInt32LE(crc32(entry.data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(entry.data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const before = Buffer.concat([Buffer.from('PK\u0003\u0004', 'latin1'), common, name]);
    const madeBy = Buffer.alloc(2);
    madeBy.writeUInt16LE(MADE_BY);
    const after = Buffer.alloc(14);
    after.writeUInt32LE(((REGULAR_FILE | mode(entry)) << 16) >>> 0, 6);
    after.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\u0001\u0002', 'latin1'), madeBy, common, after, name);
    files.push(before, packed);
    offset += before.length + packed.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 0, 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, listing, end]);
}
