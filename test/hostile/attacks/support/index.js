// Runs one attack of the family beside it and tells what it got. The judge is outside; this is only the attacker's own report.
import { attacks } from './attacks.js';
import { Attempts } from './attempt.js';

const { stringify } = JSON;

export { Echo } from './echo.js';

export default {
  async fetch(request, env, ctx) {
    const attack = attacks[decodeURIComponent(request.headers.get('the-attack'))];
    const aim = JSON.parse(request.headers.get('the-aim'));
    const attempts = new Attempts();
    const run = typeof attack === 'function' ? attack : attack.run;
    const answer = await run({ request, env, ctx, aim, attempts, attempt: attempts.attempt });
    if (answer instanceof Response) return answer;
    return new Response(stringify({ got: attempts.got }), { headers: { 'content-type': 'application/json' } });
  },
};
