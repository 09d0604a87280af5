/** The part of the `Deno` namespace that the harness uses. Captured here once; `globals.ts` then takes it from user code. */

export interface DenoConn {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

export interface DenoFile {
  readSync(buffer: Uint8Array): number | null;
  seekSync(offset: number, whence: number): number;
}

export interface DenoHttpServer {
  shutdown(): Promise<void>;
}

export interface DenoServeInfo {
  /** Resolves when the response was delivered, rejects when the client went away. */
  readonly completed: Promise<void>;
}

interface DenoDynamicLibrary {
  readonly symbols: Record<string, (...args: unknown[]) => unknown>;
  close(): void;
}

export interface DenoNamespace {
  readonly args: string[];
  readonly pid: number;
  readonly build: { readonly arch: string; readonly os: string };
  readonly version: { readonly deno: string; readonly v8: string };
  readonly errors: unknown;
  readonly stdout: { writeSync(bytes: Uint8Array): number };
  openSync(path: string, options: { read: boolean }): DenoFile;
  connect(options: { transport: 'unix'; path: string }): Promise<DenoConn>;
  serve(
    options: Record<string, unknown>,
    handler: (request: Request, info: DenoServeInfo) => Response | Promise<Response>,
  ): DenoHttpServer;
  dlopen(path: string, symbols: Record<string, unknown>): DenoDynamicLibrary;
  /** In bytes. */
  memoryUsage(): { heapUsed: number };
  /** Of the process, all threads, in µs. */
  cpuUsage(): { user: number; system: number };
  inspect(value: unknown, options: Record<string, unknown>): string;
  exit(code: number): never;
  readonly permissions: {
    revokeSync(descriptor: Record<string, unknown>): unknown;
    querySync(descriptor: Record<string, unknown>): { state: string };
  };
}

export const deno: DenoNamespace = (globalThis as unknown as { Deno: DenoNamespace }).Deno;
