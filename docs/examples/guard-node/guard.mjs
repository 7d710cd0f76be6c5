// A guard for `use: grpc` with kinds: [jailbreak], in Node.js without any package. Run it: node guard.mjs [port]
import http2 from "node:http2";

// One protobuf message: field number -> value. Length-delimited fields are bytes, varints are numbers.
function fields(buffer) {
  const found = {}; let at = 0;
  const varint = () => { let value = 0, shift = 1, byte;
    do { byte = buffer[at++]; value += (byte & 127) * shift; shift *= 128; } while (byte & 128);
    return value; };
  while (at < buffer.length) {
    const key = varint(), size = varint();
    found[key >> 3] = (key & 7) === 2 ? buffer.subarray(at, at += size) : size;
  }
  return found;
}

// InspectFinding: kind (1), number (2), start (3), end (4); each number is a varint of up to five bytes.
function finding(kind, number, start, end) {
  const varint = (value) => value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
  const name = Buffer.from(kind);
  const body = Buffer.from([10, name.length, ...name, 16, ...varint(number), 24, ...varint(start), 32, ...varint(end)]);
  const head = Buffer.alloc(5); head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

const points = (text) => [...text].length; // the contract counts code points, JavaScript UTF-16

http2.createServer().on("stream", (stream) => {
  const pieces = [];
  stream.on("error", () => {}).on("data", (piece) => pieces.push(piece)).on("end", () => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    for (let rest = Buffer.concat(pieces); rest.length; ) {
      const size = rest.readUInt32BE(1), { 2: number = 0, 4: said = Buffer.alloc(0) } = fields(rest.subarray(5, 5 + size));
      rest = rest.subarray(5 + size);
      for (const { 0: word, index } of said.toString().matchAll(/jailbreak/gi)) {
        const start = points(said.toString().slice(0, index));
        stream.write(finding("jailbreak", number, start, start + points(word)));
      }
    }
    stream.end();
  });
}).listen(Number(process.argv[2] ?? 9100), "127.0.0.1", function () { console.log(this.address().port); });
