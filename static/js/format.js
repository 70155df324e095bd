// How live numbers are written: the same rules as myhouse/formatting.py, compared by a browser test.
export const THIN = "\u202f";
const MINUS = "\u2212";
const MISSING = "–";
const SYMBOLS = { EUR: "€", USD: "$", GBP: "£" };
const CENTS = { EUR: "ct", USD: "¢", GBP: "p", CHF: "Rp." };
const LANGUAGES = {
  en: { decimal: ".", group: ",", symbolFirst: true, percentGap: "" },
  de: { decimal: ",", group: ".", symbolFirst: false, percentGap: THIN },
};

const marksOf = (language) => LANGUAGES[String(language || "en").split("-")[0].toLowerCase()] || LANGUAGES.en;

function digits(units, decimals, marks) {
  const text = String(units).padStart(decimals + 1, "0");
  let whole = decimals ? text.slice(0, -decimals) : text;
  const fraction = decimals ? text.slice(-decimals) : "";
  const groups = [];
  while (whole.length > 3) {
    groups.unshift(whole.slice(-3));
    whole = whole.slice(0, -3);
  }
  return [whole, ...groups].join(marks.group) + (decimals ? marks.decimal + fraction : "");
}

export function number(value, decimals, language) {
  const units = Math.floor(Math.abs(value) * 10 ** decimals + 0.5);
  return (value >= 0 || units === 0 ? "" : MINUS) + digits(units, decimals, marksOf(language));
}

function decimalsOf(scaled) {
  if (scaled < 9.995) return 2;
  return scaled < 99.95 ? 1 : 0;
}

export function quantity(value, units, language) {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
  let step = 0;
  let scaled = Math.abs(value);
  let decimals = 0;
  for (;;) {
    decimals = step === 0 ? 0 : decimalsOf(scaled);
    const rounded = Math.floor(scaled * 10 ** decimals + 0.5) / 10 ** decimals;
    if (rounded < 1000 || step === units.length - 1) break;
    step += 1;
    scaled /= 1000;
  }
  return number(value < 0 ? -scaled : scaled, decimals, language) + THIN + units[step];
}

export const power = (watts, language) => quantity(watts, ["W", "kW", "MW", "GW"], language);
export const energy = (wattHours, language) => quantity(wattHours, ["Wh", "kWh", "MWh", "GWh"], language);
export const mass = (grams, language) => quantity(grams, ["g", "kg", "t", "kt"], language);

export function money(microCents, currency, language) {
  if (microCents === null || microCents === undefined) return MISSING;
  const cents = Math.floor((Math.abs(microCents) + 500000) / 1000000);
  const marks = marksOf(language);
  const text = digits(cents, 2, marks);
  const sign = microCents < 0 && cents ? MINUS : "";
  const symbol = SYMBOLS[currency] || currency;
  if (!marks.symbolFirst) return `${sign}${text}${THIN}${symbol}`;
  return currency in SYMBOLS ? `${sign}${symbol}${text}` : `${sign}${symbol}${THIN}${text}`;
}

export function moneyRate(microCentsPerHour, currency, language) {
  if (microCentsPerHour === null || microCentsPerHour === undefined) return MISSING;
  const cents = microCentsPerHour / 1000000;
  if (Math.abs(cents) >= 99.5 || !(currency in CENTS)) return `${money(microCentsPerHour, currency, language)}/h`;
  return `${number(cents, Math.abs(cents) < 9.95 ? 1 : 0, language)}${THIN}${CENTS[currency]}/h`;
}

export function price(microCentsPerWh, currency, language) {
  if (microCentsPerWh === null || microCentsPerWh === undefined) return MISSING;
  const cents = microCentsPerWh / 1000;
  if (!(currency in CENTS)) return `${number(cents / 100, 4, language)}${THIN}${currency}/kWh`;
  return `${number(cents, decimalsOf(Math.abs(cents)), language)}${THIN}${CENTS[currency]}/kWh`;
}

export function share(rate, language, signed = false) {
  if (rate === null || rate === undefined || !Number.isFinite(rate)) return MISSING;
  const text = number(rate * 100, 0, language);
  const plus = signed && rate > 0 && text !== "0" ? "+" : "";
  return `${plus}${text}${marksOf(language).percentGap}%`;
}

export function age(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return [whole, "s"];
  if (whole < 3600) return [Math.floor(whole / 60), "min"];
  if (whole < 172800) return [Math.floor(whole / 3600), "h"];
  return [Math.floor(whole / 86400), "d"];
}
