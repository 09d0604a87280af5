import { runClientFamily } from './arena.ts';

await runClientFamily('websocket', 'clients that break WebSockets');
