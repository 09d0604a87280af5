/**
 * The cell closes the door behind itself: resource limits, its own user id, no new privileges, and a system-call filter for all
 * threads, installed through Deno's FFI before any user code is there; then FFI is given up. Nothing below depends on
 * a tool being installed. The supervisor checks the result from outside (`/proc/<pid>/status`) and kills a cell
 * that did not get there.
 *
 * Must run after the sockets are open: afterwards the process can open no file, make no socket, connect nowhere and start nothing.
 * x86-64 Linux only; the supervisor refuses to start cells elsewhere.
 */
import { deno } from './deno.ts';

export interface SandboxOptions {
  /** Absolute path of libc, the one path that `--allow-ffi` grants. */
  readonly libcPath: string;
  /** RLIMIT_DATA: what the whole process may map privately. An idle Deno needs about 556 MB of address space. */
  readonly dataLimitMiB: number;
  /** Only for a process started as root: the ids to become. 0 leaves them alone. */
  readonly uid: number;
}

/** System calls an event loop, V8 (with JIT and WebAssembly) and the allocator need. All others fail with EACCES. */
// biome-ignore format: one line per purpose
const ALLOWED: Readonly<Record<string, number>> = {
  // The sockets and files it has already.
  read: 0, write: 1, close: 3, fstat: 5, poll: 7, lseek: 8, ioctl: 16, pread64: 17, pwrite64: 18, readv: 19, writev: 20,
  dup: 32, accept: 43, sendto: 44, recvfrom: 45, sendmsg: 46, recvmsg: 47, shutdown: 48, getsockname: 51, getpeername: 52,
  setsockopt: 54, getsockopt: 55, fcntl: 72, accept4: 288,
  // Memory.
  mprotect: 10, munmap: 11, brk: 12, mremap: 25, madvise: 28, membarrier: 324,
  pkey_mprotect: 329, pkey_alloc: 330, pkey_free: 331,
  // Threads, signals to itself, waiting.
  rt_sigaction: 13, rt_sigprocmask: 14, rt_sigreturn: 15, sched_yield: 24, exit: 60, sigaltstack: 131,
  sched_getparam: 143, sched_getscheduler: 145, gettid: 186, futex: 202, sched_getaffinity: 204, restart_syscall: 219,
  exit_group: 231, epoll_wait: 232, epoll_ctl: 233, set_robust_list: 273, epoll_pwait: 281, timerfd_create: 283,
  timerfd_settime: 286, eventfd2: 290, epoll_create1: 291, rseq: 334,
  // Facts about itself and the clock.
  nanosleep: 35, getpid: 39, uname: 63, getrusage: 98, sysinfo: 99, time: 201, clock_gettime: 228, clock_getres: 229,
  clock_nanosleep: 230, getrandom: 318,
};
const SYS_MMAP = 9;
const SYS_SOCKETPAIR = 53;
const SYS_CLONE = 56;
const SYS_PRCTL = 157;
const SYS_TGKILL = 234;
const SYS_CLONE3 = 435;
const SYS_PRLIMIT64 = 302n;
const SYS_SECCOMP = 317n;

/** Shared pages are counted neither by RLIMIT_DATA nor as the process's own: nothing in a cell has anybody to share with. */
const MAP_SHARED = 1;
/** A connected pair reaches nobody else; Deno's signal handling makes one when it first needs it. */
const AF_UNIX = 1;
const CLONE_THREAD = 0x10000;
const PR_SET_NAME = 15;
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_NO_NEW_PRIVS = 38;
const SIGKILL = 9n;

const RLIMIT_DATA = 2;
const RLIMIT_CORE = 4;
const RLIMIT_NPROC = 6;
const RLIMIT_NOFILE = 7;
const RLIMIT_MSGQUEUE = 12;

/** Threads of one cell: V8's helpers, tokio and a blocking pool of at most 32; per user id, so only with an id of its own. */
const MAX_THREADS = 96;
const MAX_FILES = 1024;

const SECCOMP_SET_MODE_FILTER = 1n;
const SECCOMP_FILTER_FLAG_TSYNC = 1n;
const RET_ALLOW = 0x7fff0000;
const RET_EACCES = 0x00050000 | 13;
const RET_ENOSYS = 0x00050000 | 38;
const RET_KILL_PROCESS = 0x80000000;
const AUDIT_ARCH_X86_64 = 0xc000003e;

/** Classic BPF: an allow-list over the system-call number, with conditions on one argument of five of them. */
function buildFilter(ownPid: number): Uint8Array<ArrayBuffer> {
  const code: [opcode: number, jumpTrue: number, jumpFalse: number, operand: number][] = [];
  const emit = (opcode: number, jumpTrue: number, jumpFalse: number, operand: number) =>
    code.push([opcode, jumpTrue, jumpFalse, operand]);
  const LOAD = 0x20;
  const JUMP_EQ = 0x15;
  const JUMP_GE = 0x35;
  const AND = 0x54;
  const RETURN = 0x06;
  const NUMBER_OFFSET = 0;
  const ARCH_OFFSET = 4;
  const FIRST_ARGUMENT_OFFSET = 16;
  const FOURTH_ARGUMENT_OFFSET = 40;

  emit(LOAD, 0, 0, ARCH_OFFSET);
  emit(JUMP_EQ, 1, 0, AUDIT_ARCH_X86_64);
  emit(RETURN, 0, 0, RET_KILL_PROCESS);
  emit(LOAD, 0, 0, NUMBER_OFFSET);
  // The x32 numbering would be a second, unfiltered way in.
  emit(JUMP_GE, 0, 1, 0x40000000);
  emit(RETURN, 0, 0, RET_EACCES);
  for (const number of Object.values(ALLOWED)) {
    emit(JUMP_EQ, 0, 1, number);
    emit(RETURN, 0, 0, RET_ALLOW);
  }
  // glibc falls back to clone, whose flags can be seen by the filter.
  emit(JUMP_EQ, 0, 1, SYS_CLONE3);
  emit(RETURN, 0, 0, RET_ENOSYS);
  emit(JUMP_EQ, 0, 5, SYS_CLONE);
  emit(LOAD, 0, 0, FIRST_ARGUMENT_OFFSET);
  emit(AND, 0, 0, CLONE_THREAD);
  emit(JUMP_EQ, 0, 1, CLONE_THREAD);
  emit(RETURN, 0, 0, RET_ALLOW);
  emit(RETURN, 0, 0, RET_EACCES);
  emit(JUMP_EQ, 0, 5, SYS_MMAP);
  emit(LOAD, 0, 0, FOURTH_ARGUMENT_OFFSET);
  emit(AND, 0, 0, MAP_SHARED);
  emit(JUMP_EQ, 0, 1, 0);
  emit(RETURN, 0, 0, RET_ALLOW);
  emit(RETURN, 0, 0, RET_EACCES);
  for (const [number, argument] of [
    [SYS_SOCKETPAIR, AF_UNIX],
    [SYS_PRCTL, PR_SET_NAME],
    [SYS_TGKILL, ownPid],
  ] as const) {
    emit(JUMP_EQ, 0, 4, number);
    emit(LOAD, 0, 0, FIRST_ARGUMENT_OFFSET);
    emit(JUMP_EQ, 0, 1, argument);
    emit(RETURN, 0, 0, RET_ALLOW);
    emit(RETURN, 0, 0, RET_EACCES);
  }
  emit(RETURN, 0, 0, RET_EACCES);

  const program = new Uint8Array(code.length * 8);
  const view = new DataView(program.buffer);
  for (const [index, [opcode, jumpTrue, jumpFalse, operand]] of code.entries()) {
    view.setUint16(index * 8, opcode, true);
    view.setUint8(index * 8 + 2, jumpTrue);
    view.setUint8(index * 8 + 3, jumpFalse);
    view.setUint32(index * 8 + 4, operand >>> 0, true);
  }
  return program;
}

/** Puts every layer on, or throws: a cell without its filter must not see user code. Returns the layers' names. */
export function enterSandbox(options: SandboxOptions): string[] {
  if (deno.build.arch !== 'x86_64' || deno.build.os !== 'linux') {
    throw new Error(`No system-call filter for ${deno.build.os}/${deno.build.arch}`);
  }
  const library = deno.dlopen(options.libcPath, {
    prctl: { parameters: ['i32', 'u64', 'u64', 'u64', 'u64'], result: 'i32' },
    syscall: { parameters: ['i64', 'u64', 'u64', 'buffer', 'u64'], result: 'i64' },
    setresuid: { parameters: ['u32', 'u32', 'u32'], result: 'i32' },
    setresgid: { parameters: ['u32', 'u32', 'u32'], result: 'i32' },
    setgroups: { parameters: ['usize', 'buffer'], result: 'i32' },
    memmove: { parameters: ['buffer', 'buffer', 'usize'], result: 'u64' },
  });
  const libc = library.symbols as Record<string, (...args: unknown[]) => number | bigint>;
  const call = (name: string, what: string, ...args: unknown[]): void => {
    const result = (libc[name] as (...args: unknown[]) => number | bigint)(...args);
    if (Number(result) !== 0) throw new Error(`Sandbox: ${what} failed (${String(result)})`);
  };
  const limit = (resource: number, value: number): void => {
    const pair = new BigUint64Array([BigInt(value), BigInt(value)]);
    call('syscall', `prlimit ${resource}`, SYS_PRLIMIT64, 0n, BigInt(resource), new Uint8Array(pair.buffer), 0n);
  };
  const layers = ['rlimits'];
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_MSGQUEUE, 0);
  limit(RLIMIT_NOFILE, MAX_FILES);
  limit(RLIMIT_DATA, options.dataLimitMiB * 1024 * 1024);
  if (options.uid !== 0) {
    limit(RLIMIT_NPROC, MAX_THREADS);
    // glibc's wrappers, not bare system calls: they change the ids of every thread.
    call('setgroups', 'setgroups', 0n, new Uint8Array(8));
    call('setresgid', 'setresgid', options.uid, options.uid, options.uid);
    call('setresuid', 'setresuid', options.uid, options.uid, options.uid);
    layers.push('own-user');
  }
  call('prctl', 'no_new_privs', PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n);
  call('prctl', 'dumpable', PR_SET_DUMPABLE, 0n, 0n, 0n, 0n);
  // After the change of user, which clears it.
  call('prctl', 'pdeathsig', PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n);
  installFilter(libc, call);
  layers.push('no-new-privileges', 'seccomp');
  library.close();
  deno.permissions.revokeSync({ name: 'ffi' });
  if (deno.permissions.querySync({ name: 'ffi' }).state === 'granted') throw new Error('Sandbox: FFI is still granted');
  return layers;
}

function installFilter(
  libc: Record<string, (...args: unknown[]) => number | bigint>,
  call: (name: string, what: string, ...args: unknown[]) => void,
): void {
  const filter = buildFilter(deno.pid);
  const program = new Uint8Array(16);
  const view = new DataView(program.buffer);
  view.setUint16(0, filter.length / 8, true);
  // memmove returns its destination: the only way to learn a buffer's address without the full FFI grant.
  view.setBigUint64(8, BigInt((libc.memmove as (...args: unknown[]) => bigint)(filter, filter, 0n)), true);
  call('syscall', 'seccomp', SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, program, 0n);
}
