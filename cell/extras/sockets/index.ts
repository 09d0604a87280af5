/** `cloudflare:sockets`: loaded when a worker imports it. */
export { connect, connectSocket, Socket } from './socket.ts';
