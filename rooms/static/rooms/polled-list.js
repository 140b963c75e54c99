/** Keeps a list of the server's fresh: asks soon after there is a reason to, and the less often the longer the list is. */

const ENTRY_MS = 50; // a list of 1,000 is asked for every 50 seconds at most

export class PolledList {
  #ask;
  #timer = null;
  #notBefore = 0;

  /** `ask()` fetches and shows the list, and resolves with its length. */
  constructor(ask) {
    this.#ask = ask;
  }

  /** Asks within `spreadMs`, once for many reasons; chance keeps all who hear of the same thing from asking at once. */
  soon(spreadMs) {
    const wait = Math.max(Math.random() * spreadMs, this.#notBefore - Date.now());
    this.#timer ??= setTimeout(() => this.#run(), wait);
  }

  async #run() {
    this.#timer = null;
    try {
      this.#notBefore = Date.now() + ENTRY_MS * (await this.#ask());
    } catch {
      // The next reason asks again.
    }
  }
}
