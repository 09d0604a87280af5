/** What `fs.promises.open` gives. */
import { denoNode } from '../deno-node.ts';
import { Buffer } from './arguments.ts';
import { closeSync, readSync, readvSync, writeSync, writevSync } from './descriptors.ts';
import { fstatSync, futimesSync, type Stats } from './facts.ts';
import { createReadStream, createWriteStream } from './streams.ts';
import { ftruncateSync, readFileSync, writeFileSync } from './whole-files.ts';

const FileHandleBase = denoNode('events').EventEmitter as new () => { emit(event: string): boolean };

/** What `fs.promises.open` gives. */
export class FileHandle extends FileHandleBase {
  readonly fd: number;

  constructor(fd: number) {
    super();
    this.fd = fd;
  }

  async read(buffer?: unknown, ...rest: unknown[]): Promise<unknown> {
    const settings = (ArrayBuffer.isView(buffer) ? { buffer } : (buffer ?? {})) as { buffer?: Uint8Array };
    const target = settings.buffer ?? Buffer.from(new ArrayBuffer(16_384));
    const [offset, length, position] = ArrayBuffer.isView(buffer) ? rest : [buffer];
    return { bytesRead: readSync(this.fd, target, offset, length, position), buffer: target };
  }

  async write(data: unknown, ...rest: unknown[]): Promise<unknown> {
    return { bytesWritten: writeSync(this.fd, data, ...rest), buffer: data };
  }

  async readv(buffers: Uint8Array[], position?: unknown): Promise<unknown> {
    return { bytesRead: readvSync(this.fd, buffers, position), buffers };
  }

  async writev(buffers: Uint8Array[], position?: unknown): Promise<unknown> {
    return { bytesWritten: writevSync(this.fd, buffers, position), buffers };
  }

  async readFile(options?: unknown): Promise<unknown> {
    return readFileSync(this.fd, options);
  }

  async writeFile(data: unknown, options?: unknown): Promise<void> {
    writeFileSync(this.fd, data, options);
  }

  async appendFile(data: unknown, options?: unknown): Promise<void> {
    writeFileSync(this.fd, data, options);
  }

  async stat(options?: unknown): Promise<Stats> {
    return fstatSync(this.fd, options);
  }

  async truncate(length?: number): Promise<void> {
    ftruncateSync(this.fd, length);
  }

  async utimes(accessed: unknown, modified: unknown): Promise<void> {
    futimesSync(this.fd, accessed, modified);
  }

  async chmod(): Promise<void> {}

  async chown(): Promise<void> {}

  async sync(): Promise<void> {}

  async datasync(): Promise<void> {}

  async close(): Promise<void> {
    closeSync(this.fd);
    this.emit('close');
  }

  createReadStream(options?: object): unknown {
    return createReadStream('', { ...options, fd: this.fd });
  }

  createWriteStream(options?: object): unknown {
    return createWriteStream('', { ...options, fd: this.fd });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
