// The types of attributes in distinguished names, each by the name that X.509 software writes, in lower case, with its
// other names: RFC 4514 §3, RFC 4519, RFC 5280 appendix A, ETSI EN 319 412-1 and the CA/Browser Forum's EV guidelines.
const TYPES: Readonly<Record<string, readonly string[]>> = {
  cn: ['2.5.4.3', 'commonname'],
  sn: ['2.5.4.4', 'surname'],
  serialnumber: ['2.5.4.5'],
  c: ['2.5.4.6', 'countryname'],
  l: ['2.5.4.7', 'localityname'],
  st: ['2.5.4.8', 's', 'stateorprovincename'],
  street: ['2.5.4.9', 'streetaddress'],
  o: ['2.5.4.10', 'organizationname'],
  ou: ['2.5.4.11', 'organizationalunitname'],
  title: ['2.5.4.12', 't'],
  description: ['2.5.4.13'],
  businesscategory: ['2.5.4.15'],
  postalcode: ['2.5.4.17'],
  telephonenumber: ['2.5.4.20'],
  name: ['2.5.4.41'],
  gn: ['2.5.4.42', 'givenname'],
  initials: ['2.5.4.43'],
  generationqualifier: ['2.5.4.44'],
  dnqualifier: ['2.5.4.46'],
  pseudonym: ['2.5.4.65'],
  organizationidentifier: ['2.5.4.97'],
  uid: ['0.9.2342.19200300.100.1.1', 'userid'],
  dc: ['0.9.2342.19200300.100.1.25', 'domaincomponent'],
  emailaddress: ['1.2.840.113549.1.9.1', 'e'],
  unstructuredname: ['1.2.840.113549.1.9.2'],
  jurisdictionl: ['1.3.6.1.4.1.311.60.2.1.1', 'jurisdictionlocalityname'],
  jurisdictionst: ['1.3.6.1.4.1.311.60.2.1.2', 'jurisdictionstateorprovincename'],
  jurisdictionc: ['1.3.6.1.4.1.311.60.2.1.3', 'jurisdictioncountryname']
}

const NAMES = new Map(Object.entries(TYPES).flatMap(([name, others]) => others.map((other) => [other, name])))

/** Returns the canonical name of an attribute type for any of its names or its OID. Returns an unknown one unchanged. */
export function typeOf (name: string): string {
  const type = name.toLowerCase()
  return NAMES.get(type) ?? type
}
