/** What a worker hears when its socket cannot be connected, in workerd's words. */
const HTTP_PORTS: ReadonlySet<number> = new Set([80, 443]);

export function cannotConnect(port: number): { name: string; message: string } {
  const hint = HTTP_PORTS.has(port)
    ? '. It looks like you might be trying to connect to a HTTP-based service — consider using fetch instead'
    : '';
  return { name: 'Error', message: `proxy request failed, cannot connect to the specified address${hint}` };
}
