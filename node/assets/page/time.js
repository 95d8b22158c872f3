// Times as people in the city say them: in Shanghai, whatever the clock of the tablet or the phone is set to.

const FORMAT = new Intl.DateTimeFormat("en", {
  timeZone: "Asia/Shanghai", hourCycle: "h23",
  year: "numeric", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

// Year, month, day, hour, minute and second as text.
export const parts = (ms) => Object.fromEntries(FORMAT.formatToParts(new Date(ms)).map(({ type, value }) => [type, value]));

export const clockTime = (ms) => (({ hour, minute, second }) => `${hour}:${minute}:${second}`)(parts(ms));
