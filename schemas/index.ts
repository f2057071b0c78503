export { oauthErrorSchema } from './oauth-error.ts'
export { tokenRequestSchema } from './token-request.ts'
export { tokenResponseSchema } from './token-response.ts'
