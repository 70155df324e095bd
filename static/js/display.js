// A wall display: when the link ends or rests, the page itself says so; every few hours it is read anew as a whole.
const ANEW_EVERY = 6 * 3600 * 1000;

document.addEventListener("live-ended", () => location.reload());
setTimeout(() => location.reload(), ANEW_EVERY);
