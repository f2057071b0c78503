// Names in certificates: as openssl makes them, as node:crypto writes them, and as clients are registered by them.
import { X509Certificate } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { alternativeNames, isSameAlternativeName } from '../../src/lib/x509/alternative-names.ts'
import { isSameName, parseDistinguishedName, parseSubject } from '../../src/lib/x509/distinguished-name.ts'
import { makeCertificate, subjectOf } from '../support/certificates.ts'

const isSame = (registered: string, other: string) => {
  const [one, another] = [parseDistinguishedName(registered), parseDistinguishedName(other)]
  return one !== undefined && another !== undefined && isSameName(one, another)
}

const SAME: [title: string, registered: string, other: string][] = [
  ['type names in any case', 'cn=a,O=b', 'CN=a,o=b'],
  ['numbers of types', '2.5.4.3=a,OID.2.5.4.10=b', 'CN=a,O=b'],
  ['long names of types', 'commonName=a,organizationName=b,countryName=BR', 'CN=a,O=b,C=BR'],
  ['other short names of types', 's=a,t=b,e=c', 'ST=a,title=b,emailAddress=c'],
  ['numbers of the types of EV certificates', '1.3.6.1.4.1.311.60.2.1.3=BR,2.5.4.15=Private,2.5.4.97=x', 'jurisdictionC=BR,businessCategory=Private,organizationIdentifier=x'],
  ['a number that has no name', '1.2.3.4=a', 'oid.1.2.3.4=a'],
  ['spaces around types and values', ' CN = a , O = b ', 'CN=a,O=b'],
  ['escaped letters', 'CN=\\4a\\6Fe', 'CN=Joe'],
  ['escaped specials', 'CN=a\\,b\\+c\\"d\\;e\\<f\\>g\\=h\\\\', 'CN=a\\2cb\\2bc\\22d\\3be\\3cf\\3eg=h\\5c'],
  ['an escaped space at either end', 'CN=\\ a\\ ', 'CN=\\20a\\20'],
  ['an escaped backslash before a space at the end', 'CN=a\\\\ ', 'CN=a\\5c'],
  ['an escaped number sign', 'CN=\\#a', 'CN=\\23a'],
  ['a number sign alone, as openssl writes it', 'CN=#', 'CN=\\23'],
  ['escaped UTF-8', 'CN=Lu\\C4\\8Di\\C4\\87', 'CN=Lučić'],
  ['UTF-8 beyond the first plane', 'CN=\\F0\\9F\\98\\80', 'CN=😀'],
  ['an escaped newline', 'CN=a\\0Ab', 'CN=a\nb'],
  ['the parts of an RDN in any order', 'CN=a+UID=b,O=c', 'UID=b + CN=a,O=c'],
  ['hexadecimal PrintableString', '1.3.6.1.4.1.311.60.2.1.3=#13024252', 'jurisdictionC=BR'],
  ['hexadecimal UTF8String', 'CN=#0C02C3BC', 'CN=ü'],
  ['hexadecimal IA5String', 'E=#1603614062', 'emailAddress=a@b'],
  ['hexadecimal of more than 127 octets', `CN=#0c8180${'61'.repeat(128)}`, `CN=${'a'.repeat(128)}`],
  ['a value that is empty', 'CN=', 'CN= ']
]

const DIFFERENT: [title: string, registered: string, other: string][] = [
  ['another case', 'CN=A', 'CN=a'],
  ['another order', 'CN=a,O=b', 'O=b,CN=a'],
  ['one more', 'CN=a', 'CN=a,O=b'],
  ['an RDN of two and two RDNs', 'CN=a+O=b', 'CN=a,O=b'],
  ['a comma that is escaped', 'CN=a\\,O=b', 'CN=a,O=b'],
  ['a plus sign that is escaped', 'CN=a\\+O=b', 'CN=a+O=b'],
  ['a newline that is escaped', 'CN=a\\0AO=b', 'CN=a,O=b'],
  ['a space that is escaped', 'CN=a\\ ', 'CN=a'],
  ['a backslash and an escaped space', 'CN=a\\\\\\ ', 'CN=a\\\\'],
  ['a number sign that is escaped', 'CN=\\#13024252', 'CN=#13024252'],
  ['NUL at the end', 'CN=a\\00', 'CN=a'],
  ['spaces within', 'CN=a  b', 'CN=a b'],
  ['a number whose name is another', '2.5.4.4=a', 'CN=a'],
  ['what every object has', 'constructor=a', 'toString=a'],
  ['composed and decomposed letters', 'CN=\u00e9', 'CN=e\u0301']
]

t.test('distinguished names that are the same, in other words', async (t) => {
  for (const [title, registered, other] of SAME) {
    t.ok(isSame(registered, other), title)
    t.ok(isSame(other, registered), title)
  }
})

t.test('distinguished names that are not', async (t) => {
  for (const [title, registered, other] of DIFFERENT) {
    t.notOk(isSame(registered, other), title)
    for (const name of [registered, other]) t.ok(isSame(name, name), `${title}: ${name}`)
  }
})

t.test('what is no distinguished name', async (t) => {
  const wrong = [
    '', ' ', ',', 'a', '=', '=a', 'CN', 'CN=a,', ',CN=a', 'CN=a,,O=b', 'CN=a+', '+CN=a', 'CN=a++O=b', 'C N=a', '_=a', '1.=a', '1..2=a', 'ſn=a',
    'CN="a, b"', 'CN=a"', 'CN=a;O=b', 'CN=<a>', 'CN=a\0', 'CN=\\', 'CN=a\\', 'CN=a\\xb', 'CN=\\4', '/CN=a/O=b',
    'CN=\\FF', 'CN=\\C3', 'CN=\\ED\\A0\\80', 'CN=\ud800', 'CN=#1', 'CN=#13', 'CN=#zz', 'CN=#1301', 'CN=#130161ff', 'CN=#0401aa', 'CN=#13806100', 'CN=#0c01ff', 'CN=#13024252 x'
  ]
  for (const text of wrong) t.equal(parseDistinguishedName(text), undefined, text)
  t.equal(parseSubject(undefined), undefined, 'a certificate without a subject')
  t.equal(parseSubject('CN=a\n'), undefined)
})

const sections = (subject: string[], names: string[] = []) => ['[names]', ...names, '[dn]', ...subject].join('\n')
const certificateOf = (parts: Parameters<typeof makeCertificate>[0]) => {
  const { cert } = makeCertificate(parts)
  return { cert, x509: new X509Certificate(cert) }
}

t.test('a value that holds the next line of another subject stays one value', async (t) => {
  for (const value of ['a\nO=Example', 'a\\\\\nO=Example', 'a, O=Example', 'a \\+ O=Example', 'a",O=Example', 'a\\\\0AO=Example', 'a\r\nO=Example']) {
    const { x509 } = certificateOf({ subject: `/CN=${value}` })
    const subject = parseSubject(x509.subject)
    t.equal(subject?.length, 1, JSON.stringify(value))
    t.notMatch(subject?.[0], /^o=/m)
  }
})

t.test('subjects that openssl makes are what it writes by RFC 2253, and nothing else', async (t) => {
  const types = ['CN', 'O', 'OU', 'L', 'UID', 'serialNumber', 'emailAddress', 'organizationIdentifier', 'jurisdictionC', 'DC']
  const ascii = fc.constantFrom(...'ab =,+"\\<>;#/\n\r\t.:\'')
  const unicode = fc.constantFrom('é', '€', '😀', '\u0085', '\u2028', '\ufffd')
  const value = (type: string) => fc.string({ unit: ['emailAddress', 'DC', 'serialNumber'].includes(type) ? fc.constantFrom(...'ab =,+.:\'') : fc.oneof(ascii, unicode), minLength: 1, maxLength: 12 })
  const attribute = fc.constantFrom(...types).chain((type) => (type === 'jurisdictionC' ? fc.constant('BR') : value(type)).map((text) => ({ type, text })))
  const rdns = fc.array(fc.record({ attribute, joined: fc.boolean() }), { minLength: 1, maxLength: 4 })
  const escape = (text: string) => text.replaceAll(/[\\/+]/g, '\\$&')

  t.doesNotThrow(() => fc.assert(fc.property(rdns, (parts) => {
    const subject = parts.map(({ attribute: { type, text }, joined }, index) => `${joined && index > 0 ? '+' : '/'}${type}=${escape(text)}`).join('')
    const { cert, x509 } = certificateOf({ subject })
    const [registered, found] = [parseDistinguishedName(subjectOf(cert)), parseSubject(x509.subject)]
    const values = (found ?? []).toReversed().flatMap((names) => names.split('\n').map((name) => JSON.parse(name.slice(name.indexOf('=') + 1))))
    return isDeepStrictEqual(registered, found) && isDeepStrictEqual(values.sort(), parts.map(({ attribute: { text } }) => text).sort())
  }), { numRuns: 40, examples: [[[{ attribute: { type: 'CN', text: '#' }, joined: false }]]] }))
})

t.test('types have the names and numbers that openssl knows', async (t) => {
  const numbers = [
    ...[3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 15, 17, 20, 41, 42, 43, 44, 46, 65, 97].map((number) => `2.5.4.${number}`),
    ...['0.9.2342.19200300.100.1.1', '0.9.2342.19200300.100.1.25', '1.2.840.113549.1.9.1', '1.2.840.113549.1.9.2'],
    ...['1.3.6.1.4.1.311.60.2.1.1', '1.3.6.1.4.1.311.60.2.1.2']
  ]
  const countries = ['2.5.4.6', '1.3.6.1.4.1.311.60.2.1.3']
  const { cert, x509 } = certificateOf({ subject: [...numbers.map((number) => `/${number}=a`), ...countries.map((number) => `/${number}=BR`)].join('') })
  const [names, longNames, byNumber] = (['sname', 'lname', 'oid'] as const).map((types) => subjectOf(cert, types)) as [string, string, string]
  t.equal(byNumber.split(',').length, 28)
  t.ok(byNumber.split(',').every((rdn) => /^[\d.]+=/.test(rdn)))
  t.ok(isSame(byNumber, names))
  t.ok(isSame(byNumber, longNames))
  t.strictSame(parseSubject(x509.subject), parseDistinguishedName(byNumber))
})

t.test('no text makes a parser throw, or take long', async (t) => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'CN=a,+\\"#0 \n;: DS') }))
  fc.assert(fc.property(text, text, (one, other) => {
    const [first, second, subject] = [parseDistinguishedName(one), parseDistinguishedName(other), parseSubject(one)]
    if (first !== undefined && second !== undefined) t.equal(isSameName(first, second), isSameName(second, first))
    if (first !== undefined) t.ok(isSameName(first, first))
    t.ok(subject === undefined || subject.length > 0)
    for (const kind of ['DNS', 'URI', 'IP Address', 'email'] as const) {
      t.ok(Array.isArray(alternativeNames(one, kind)))
      t.equal(isSameAlternativeName(kind, one, other), isSameAlternativeName(kind, other, one))
    }
  }), { numRuns: 2000 })
  for (const long of [`CN=${' '.repeat(100_000)}x"`, `CN=a${' '.repeat(100_000)}b`, `CN=${'\\ '.repeat(50_000)}"`, `CN=${'\\'.repeat(100_001)}`, 'CN=a+'.repeat(20_000), ' '.repeat(100_000), `CN${' '.repeat(100_000)}`]) {
    t.doesNotThrow(() => [parseDistinguishedName(long), parseSubject(long), alternativeNames(long, 'DNS')])
  }
})

t.test('subject alternative names, and what looks like some', async (t) => {
  const { x509 } = certificateOf({
    subjectAltName: '@names',
    sections: sections(['CN=x, DNS:directory.example'], [
      'DNS.1=a, DNS:evil.example', 'DNS.2=good.example', 'DNS.3=Two.Example', 'DNS.4=q\\"uote\\\\', 'URI.1=https://a/?x=1, DNS:evil.example', 'URI.2=https://b/',
      'email.1=a, DNS:evil.example', 'email.2=b@example.org', 'IP.1=10.0.0.1', 'IP.2=2001:db8::1', 'dirName.1=dn', 'RID.1=1.2.3.4',
      'otherName.1=1.3.6.1.5.5.7.8.9;UTF8:c, DNS:evil.example'
    ])
  })
  t.strictSame(alternativeNames(x509.subjectAltName, 'DNS'), ['a, DNS:evil.example', 'good.example', 'Two.Example', 'q"uote\\'])
  t.strictSame(alternativeNames(x509.subjectAltName, 'URI'), ['https://a/?x=1, DNS:evil.example', 'https://b/'])
  t.strictSame(alternativeNames(x509.subjectAltName, 'email'), ['a, DNS:evil.example', 'b@example.org'])
  t.strictSame(alternativeNames(x509.subjectAltName, 'IP Address').map((address) => isSameAlternativeName('IP Address', address, '2001:DB8:0:0::1')), [false, true])
  t.strictSame(alternativeNames(undefined, 'DNS'), [])
  for (const unreadable of ['DNS', 'DNS:a, ,', 'DNS:"a', 'DNS:"a"b, DNS:c', 'DNS:"\\x"', 'DNS:a,DNS:b', 'DNS:a\n, x']) t.strictSame(alternativeNames(unreadable, 'DNS'), [], unreadable)
})

t.test('subject alternative names are compared by their kind', async (t) => {
  const same = [['DNS', 'a.example', 'A.EXAMPLE'], ['URI', 'https://a/', 'https://a/'], ['email', 'a@b', 'a@b'], ['IP Address', '10.0.0.1', '10.0.0.1'], ['IP Address', '::1', '0:0:0:0:0:0:0:1'], ['IP Address', '::ffff:1.2.3.4', '::FFFF:102:304']] as const
  for (const [kind, one, other] of same) t.ok(isSameAlternativeName(kind, one, other), `${kind} ${one}`)
  const different = [
    ['DNS', '*.example', 'a.example'], ['DNS', 'a.example', 'a.example.'], ['URI', 'https://a/', 'https://A/'], ['URI', '', ''], ['email', 'a@b', 'A@b'], ['IP Address', '10.0.0.1', '10.0.0.2'],
    ['IP Address', '1.2.3.4', '::ffff:1.2.3.4'], ['IP Address', 'localhost', 'localhost'], ['IP Address', '10.1', '10.0.0.1'], ['IP Address', 'fe80::1%eth0', 'fe80::1'], ['IP Address', '010.0.0.1', '10.0.0.1']
  ] as const
  for (const [kind, one, other] of different) t.notOk(isSameAlternativeName(kind, one, other), `${kind} ${one}`)
})
