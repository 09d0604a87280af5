import { test } from 'node:test';
import { startSkep } from '../support/server.ts';
test('x', async () => {
  const skep = await startSkep({ env: { SKEP_VERBOSE: 'true' } });
  const banana = (n: number) => `export default { fetch() { return Response.json({timestamp: Date.now(), random: crypto.randomUUID(), n: ${n}}) } }`;
  const apple = `export default { async fetch(request, env) { const a = []; for (let i=0;i<3;i++) a.push(await (await env.banana.fetch(request.clone())).json()); return Response.json(a) } }`;
  await skep.deploy('banana', banana(0));
  await skep.deploy('apple', apple, { bindings: [{ type: 'service', name: 'banana', service: 'banana' }] });
  let stop = false; let sent = 0; const bad: string[] = [];
  const client = async (nc: boolean) => { while (!stop) { sent++; const a = await skep.request('apple', '/', {newConnection: nc}).catch((e) => ({status: 0, text: String(e)})); if (a.status !== 200) bad.push(a.status + ' ' + a.text + ' @' + new Date().toISOString()); } };
  const cs = [client(false), client(false), client(true), client(true)];
  for (let i = 1; i <= 40; i++) await skep.deploy('banana', banana(i));
  stop = true; await Promise.all(cs);
  console.log(sent, bad);
  console.log(skep.lines.filter((l) => !l.includes('API request')).slice(-60).join('\n'));
  await skep.stop();
});
