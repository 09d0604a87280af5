// What an attack reports with.
export class Attempts {
  got = [];

  /**
   * Runs one attempt. What it returns, other than nothing at all, is what it got. An attempt that is refused throws; a name that
   * is not there at all is a slip of the attack's author and ends it.
   */
  attempt = async (what, run) => {
    try {
      const got = await run();
      if (got !== undefined && got !== null && got !== false) this.got.push(`${what}: ${describe(got)}`);
    } catch (error) {
      if (error instanceof ReferenceError || error instanceof SyntaxError) throw error;
    }
  };
}

function describe(got) {
  try {
    return String(typeof got === 'object' ? JSON.stringify(got) : got).slice(0, 300);
  } catch {
    return typeof got;
  }
}
