/** Times as the reader is used to them: the page's language, in the reader's own regional form where the browser names one. */

const NEVER_MS = 100 * 366 * 86_400_000; // what is for ever ends in the year 9999

const daysAgo = (date) => {
  const midnight = (value) => new Date(value).setHours(0, 0, 0, 0);
  return Math.round((midnight(Date.now()) - midnight(date)) / 86_400_000);
};

export const isSameDay = (a, b) => a.toDateString() === b.toDateString();

export class Times {
  #say;
  #time;
  #end;
  #moment;
  #dayOfThisYear;
  #dayOfAnyYear;

  constructor({ language, say }) {
    const locale = navigator.languages.find((name) => name.split("-")[0] === language.split("-")[0]) ?? language;
    this.#say = say;
    this.#time = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
    this.#end = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
    this.#moment = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
    this.#dayOfThisYear = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
    this.#dayOfAnyYear = new Intl.DateTimeFormat(locale, { dateStyle: "full" });
  }

  sayDay(date) {
    if (daysAgo(date) === 0) return this.#say("today");
    if (daysAgo(date) === 1) return this.#say("yesterday");
    const isThisYear = date.getFullYear() === new Date().getFullYear();
    return (isThisYear ? this.#dayOfThisYear : this.#dayOfAnyYear).format(date);
  }

  /** When something ends: the hour, and the day unless it is today; empty for what has ended or never does. */
  sayEnd(ms) {
    const lastsMs = ms - Date.now();
    if (lastsMs <= 0 || lastsMs > NEVER_MS) return "";
    return (isSameDay(new Date(ms), new Date()) ? this.#time : this.#end).format(ms);
  }

  /** Shows a moment in a <time> element: the hour, and all of it on demand. */
  paint(element, date) {
    element.dateTime = date.toISOString();
    element.textContent = this.#time.format(date);
    element.title = this.#moment.format(date);
  }
}
