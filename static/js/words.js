// Words for people in the language of the page. The catalogue (`django.gettext`) is a script
// that base.html loads before all modules; without it, as in a test, English comes out.
//
//     gettext("%(who)s has left", { who: name })
//     ngettext("%(count)s person", "%(count)s people", count, { count })
//
// Whole sentences with named places, never pieces glued together.

const english = {
  gettext: (text) => text,
  ngettext: (one, many, count) => (count === 1 ? one : many),
  pgettext: (context, text) => text,
};
const catalogue = () => globalThis.django ?? english;

/** `text` with each %(name)s put in; a name that is not given stays as it is. */
const filled = (text, values = {}) =>
  text.replace(/%\((\w+)\)s/g, (place, name) => (name in values ? String(values[name]) : place));

export const gettext = (text, values) => filled(catalogue().gettext(text), values);
export const ngettext = (one, many, count, values) =>
  filled(catalogue().ngettext(one, many, count), { count, ...values });
export const pgettext = (context, text, values) =>
  filled(catalogue().pgettext(context, text), values);

/** For Intl: the page's language; plain English writes 31 October and 14:30. */
export function locale() {
  const language = globalThis.document?.documentElement.lang || "en";
  return language === "en" ? "en-GB" : language;
}
