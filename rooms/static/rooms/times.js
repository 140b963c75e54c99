/** Times as the reader is used to them: the page's language, in the reader's own regional form where the browser names one. */

const daysAgo = (date) => {
  const midnight = (value) => new Date(value).setHours(0, 0, 0, 0);
  return Math.round((midnight(Date.now()) - midnight(date)) / 86_400_000);
};

export const isSameDay = (a, b) => a.toDateString() === b.toDateString();

export class Times {
  #say;
  #time;
  #moment;
  #dayOfThisYear;
  #dayOfAnyYear;

  constructor({ language, say }) {
    const locale = navigator.languages.find((name) => name.split("-")[0] === language.split("-")[0]) ?? language;
    this.#say = say;
    this.#time = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
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

  /** The hour of a day near now, else the day too. */
  sayMoment(date) {
    return isSameDay(date, new Date()) ? this.#time.format(date) : this.#moment.format(date);
  }

  /** Shows a moment in a <time> element: the hour, and all of it on demand. */
  paint(element, date) {
    element.dateTime = date.toISOString();
    element.textContent = this.#time.format(date);
    element.title = this.#moment.format(date);
  }
}
