// What server and load of the soak agree on.
export const ISSUER = 'https://soak.example'
/** Seconds. Short, so that what is kept until a token expires comes and goes many times in a run. */
export const LIFETIME = 60
/** Seconds of the tokens that are used when they have expired. */
export const SHORT_LIFETIME = 1
