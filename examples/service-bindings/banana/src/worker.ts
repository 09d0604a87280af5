export default {
  async fetch(): Promise<Response> {
    return Response.json({ timestamp: new Date().getTime(), random: crypto.randomUUID() });
  },
};
