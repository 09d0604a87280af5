import { Effect, Schedule, Stream } from 'effect';
import { interval, take, map, filter, lastValueFrom, toArray, of, mergeMap, delay, from } from 'rxjs';
export default { async fetch() {
  const p = Effect.gen(function* () { const a = yield* Effect.succeed(2); const b = yield* Effect.promise(async () => 3); yield* Effect.sleep('5 millis'); return a * b; });
  let tries = 0; const r = await Effect.runPromise(Effect.retry(Effect.tryPromise(async () => { if (++tries < 3) throw new Error('again'); return tries; }), Schedule.recurs(5)));
  const par = await Effect.runPromise(Effect.all([Effect.delay(Effect.succeed(1), '2 millis'), Effect.succeed(2)], { concurrency: 'unbounded' }));
  const fail = await Effect.runPromiseExit(Effect.fail('no')); 
  return Response.json({ v: await Effect.runPromise(p), r, par, fail: fail._tag, stream: await Effect.runPromise(Stream.runCollect(Stream.range(1, 5).pipe(Stream.map((x) => x * 2)))).then((c) => [...c]), rx: await lastValueFrom(interval(1).pipe(take(4), map((x) => x * x), filter((x) => x > 0), toArray())), rx2: await lastValueFrom(from([1, 2]).pipe(mergeMap((x) => of(x).pipe(delay(40 * (3 - x)))), toArray())) });
} };
