interface Env {
  /** The service binding of wrangler.toml: calls the worker `banana` without leaving the platform. */
  banana: { fetch(request: Request): Promise<Response> };
}

interface BananaAnswer {
  timestamp: number;
  random: string;
}

async function askBanana(request: Request, env: Env): Promise<BananaAnswer> {
  const response = await env.banana.fetch(request.clone());
  return (await response.json()) as BananaAnswer;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const bananas = [await askBanana(request, env), await askBanana(request, env), await askBanana(request, env)];
    return Response.json({
      appleTimestamp: new Date().getTime(),
      appleRandom: crypto.randomUUID(),
      bananaTimestamps: bananas.map((banana) => banana.timestamp),
      bananaRandoms: bananas.map((banana) => banana.random),
    });
  },
};
