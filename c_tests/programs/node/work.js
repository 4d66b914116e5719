// Maps, Buffers in and out of V8's heap, JSON, zlib, crypto and worker threads.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const zlib = require('zlib');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const digest = (data) => crypto.createHash('sha256').update(data).digest('hex').slice(0, 16);

function fillMaps() {
  const map = new Map();
  for (let i = 0; i < 300000; i++) {
    map.set(`key ${(i * 7919) % 200003}`, { i, text: 'x'.repeat(i % 40) });
  }
  for (let i = 0; i < 100000; i++) map.delete(`key ${i}`);
  let total = 0;
  for (const value of map.values()) total += value.i + value.text.length;
  return `maps: ${map.size} ${total}`;
}

function fillBuffers() {
  const buffers = [];
  for (let i = 0; i < 20000; i++) {
    const buffer = Buffer.alloc(1 + ((i * 97) % 20000));
    if (!buffer.every((byte) => byte === 0)) return 'buffers: alloc gave a byte that is not zero';
    buffer.fill(i % 256);
    buffers[(i * 31) % 1500] = buffer;
  }
  return `buffers: ${digest(Buffer.concat(buffers.filter(Boolean)))}`;
}

function roundTripJson() {
  const record = (_, i) => ({ id: i, name: `name ${i}`, tags: [i % 3, `t${i % 50}`] });
  const list = Array.from({ length: 60000 }, record);
  const text = JSON.stringify(list);
  return `json: ${text.length} ${digest(JSON.stringify(JSON.parse(text)))}`;
}

function compress(seed) {
  const parts = Array.from({ length: 100000 }, (_, i) => `${seed}:${(i * i) % 997};`);
  const text = Buffer.from(parts.join(''));
  let same = true;
  for (const level of [1, 6, 9]) {
    same = same && zlib.inflateSync(zlib.deflateSync(text, { level })).equals(text);
  }
  const brotli = zlib.brotliCompressSync(text, {
    params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 },
  });
  return `zlib ${same} ${digest(brotli)}`;
}

function runWorker(seed) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: seed });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function main() {
  console.log(fillMaps());
  console.log(fillBuffers());
  console.log(roundTripJson());
  console.log((await Promise.all([1, 2, 3, 4, 5, 6].map(runWorker))).join('\n'));
  fs.writeFileSync('maps.node', fs.readFileSync('/proc/self/maps'));
}

if (isMainThread) {
  main();
} else {
  const shared = Buffer.from(new ArrayBuffer(1 << 20)).fill(workerData);
  const results = [digest(shared), compress(workerData), fillMaps()];
  parentPort.postMessage(`worker ${workerData}: ${results.join(' ')}`);
}
