// With TLS 1.2 names only, Node.js would disable TLS 1.3.
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'
]

/**
 * TLS options of a listener that conforms to FAPI 2.0 §5.2.2 (BCP 195, RFC 9325 §4.2): TLS 1.3, and for TLS 1.2 the four suites with
 * ECDHE and AES-GCM. Pass them to Fastify with the key and the certificate: `https: { key, cert, ...FAPI2_TLS }`.
 */
export const FAPI2_TLS = Object.freeze({ minVersion: 'TLSv1.2', ciphers: CIPHERS.join(':'), honorCipherOrder: true } as const)
