// Which addresses belong to one customer: what is counted and bounded for each.
import { test } from 'tap'
import { networkOf, networksOf } from '../../src/lib/ip.ts'

test('an address of IPv4 is a network of its own, written as IPv6 too', async (t) => {
  for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:c000:201', '0:0:0:0:0:ffff:c000:201', '::ffff:192.0.2.1%eth0']) t.strictSame(networksOf(address), ['192.0.2.1'], address)
})

test('an address of IPv6 counts by its first 64 bits, and by those of its site, in every spelling', async (t) => {
  for (const address of ['2001:db8:1:2:3:4:5:6', '2001:DB8:1:2::', '2001:0db8:0001:0002::1%eth0.1', '2001:db8:1:2::192.0.2.1']) {
    t.strictSame(networksOf(address), ['2001:db8:1:2', '2001:db8:1/48'], address)
  }
  t.strictSame(networksOf('::'), ['0:0:0:0', '0:0:0/48'])
  t.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0')
})

test('what is no address is one as it stands, up to a bound', async (t) => {
  for (const text of ['', 'proxy', '127.1', '2001:db8::g']) t.strictSame(networksOf(text), [text])
  t.equal(networkOf('x'.repeat(10_000)).length, 64)
})
