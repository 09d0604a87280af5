/**
 * Source maps are read in a thread of their own: they may be as large and as strange as their author likes, and whoever is served meanwhile must not
 * wait for it. One at a time; the thread is started when it is first needed.
 */
import { Worker } from 'node:worker_threads';
import { SOURCE_MAP_LIMITS } from '../shared/limits.ts';
import type { Origin, Place, PlacesQuestion } from './source-map-places.ts';

/** The origins of places, in their order. Rejects when the thread has ended. */
export type FindOrigins = (map: Uint8Array, places: readonly Place[]) => Promise<Origin[]>;

export interface SourceMapThread {
  readonly findOrigins: FindOrigins;
  close(): Promise<void>;
}

/** `file`: the built thread. */
export function openSourceMapThread(file: URL): SourceMapThread {
  let thread: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const start = (): Worker => {
    const started = new Worker(file, {
      name: 'skep-source-maps',
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: SOURCE_MAP_LIMITS.threadMiB },
    });
    // What it is asked hears of it.
    started.on('error', () => undefined);
    started.once('exit', () => {
      if (thread === started) thread = undefined;
    });
    started.unref();
    return started;
  };

  const ask = (question: PlacesQuestion): Promise<Origin[]> => {
    const asked = (thread ??= start());
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        asked.unref();
        asked.off('message', onMessage);
        asked.off('exit', onExit);
      };
      const onMessage = (origins: Origin[]): void => {
        settle();
        resolve(origins);
      };
      const onExit = (): void => {
        settle();
        reject(new Error('The thread that reads source maps has ended'));
      };
      asked.on('message', onMessage);
      asked.on('exit', onExit);
      // As long as somebody waits for it.
      asked.ref();
      asked.postMessage(question, []);
    });
  };

  return {
    findOrigins: (map, places) => {
      const answer = last.then(() => ask({ map, places }));
      last = answer.catch(() => undefined);
      return answer;
    },
    close: async () => {
      await thread?.terminate();
    },
  };
}
