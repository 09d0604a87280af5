/** A thread that looks places up in source maps, for `source-maps.ts`. It has nothing but what it is sent. */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { findOrigins, type PlacesQuestion } from './source-map-places.ts';

/** To the kernel a thread is who asks: this one gives way to the server's own. */
setPriority(0, 10);

parentPort?.on('message', ({ map, places }: PlacesQuestion) => parentPort?.postMessage(findOrigins(map, places), []));
