/** Many sockets that have more to read than fits into a turn of the event loop. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { letOthersRead } from '../../server/supervisor/turns.ts';
import { until } from '../support/until.ts';

const SOCKETS = 40;
const BYTES_EACH = 4 * 1024 * 1024;

let folder: string;
let server: Server;
let path: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skep-turns-'));
  path = join(folder, 's');
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(Buffer.alloc(BYTES_EACH));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
});
after(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

test('floods on many sockets all arrive, and no turn of the event loop takes more than its share of them', async () => {
  let received = 0;
  let thisTurn = 0;
  let mostInOneTurn = 0;
  const sockets: Socket[] = [];
  const countTurn = (): void => {
    mostInOneTurn = Math.max(mostInOneTurn, thisTurn);
    thisTurn = 0;
    if (received < SOCKETS * BYTES_EACH) setImmediate(countTurn);
  };
  setImmediate(countTurn);
  for (let n = 0; n < SOCKETS; n++) {
    const socket = connect(path);
    sockets.push(socket);
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      thisTurn += chunk.length;
      letOthersRead(socket, chunk);
    });
  }
  await until(() => received === SOCKETS * BYTES_EACH, 'everything arrives', 20_000);
  for (const socket of sockets) socket.destroy();
  // All may begin in the same turn, with a chunk each.
  assert.ok(mostInOneTurn <= SOCKETS * 65_536 * 1.5, `${mostInOneTurn} bytes in one turn`);
});

test('a socket whose reader has asked for a pause stays paused', async () => {
  const socket = connect(path);
  let chunks = 0;
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks++;
      socket.pause();
      letOthersRead(socket, chunk, () => false);
      resolve();
    });
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(chunks, 1);
  socket.destroy();
});
