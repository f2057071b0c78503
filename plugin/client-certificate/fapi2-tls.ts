// With the names of TLS 1.2 alone, Node.js would turn TLS 1.3 off.
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'
]

/**
 * TLS options of a listener that keeps to FAPI 2.0 §5.2.2 (BCP 195, RFC 9325 §4.2): TLS 1.3, and of TLS 1.2 the four suites with
 * ECDHE and AES-GCM. Pass them to Fastify beside the key and the certificate: `https: { key, cert, ...FAPI2_TLS }`.
 */
export const FAPI2_TLS = Object.freeze({ minVersion: 'TLSv1.2', ciphers: CIPHERS.join(':'), honorCipherOrder: true } as const)
