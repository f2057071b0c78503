// Plans for mutations that random plans rarely see: each fails once its fault is put into the code.
import { plan } from './regression.ts'
import type { Regression } from './regression.ts'

export const MUTATION_PLANS: readonly Regression[] = [
  {
    name: 'a revocation is kept though the clocks of the database and of the process were ahead for a while',
    plan: plan(300329, { servers: 1, tokenLifetime: 30, clockTolerance: 5, rotateEvery: 86400, clients: 1 }, [
      { at: 750, kind: 'token', seed: 874706532 },
      { at: 1513, kind: 'burst', seed: 1226617638 },
      { at: 1874, kind: 'revoke token', seed: 1472272590 },
      { at: 2424, kind: 'burst', seed: 391922447 },
      { at: 2842, kind: 'database clock step', seed: 1482883568 },
      { at: 2893, kind: 'clock step', seed: 1690728059 },
      { at: 3026, kind: 'clock step', seed: 516410494 },
      { at: 3747, kind: 'burst', seed: 1422408189 },
      { at: 84663, kind: 'burst', seed: 189029736 },
      { at: 85084, kind: 'burst', seed: 1691212782 }
    ], 87084)
  },
  {
    name: 'a guard rejects the tokens of a key that its entries name, though a restored backup has the key again',
    plan: plan(300001, { servers: 1, guards: 1, isSynchronous: true, maxStale: 600, rotateEvery: 86400, clients: 1 }, [
      { at: 649, kind: 'token', seed: 1050372180 },
      { at: 1057, kind: 'burst', seed: 1519192261 },
      { at: 1172, kind: 'backup', seed: 1248522181 },
      { at: 1480, kind: 'revoke key', seed: 1470658693 },
      { at: 2227, kind: 'burst', seed: 1580618544 },
      { at: 2963, kind: 'restore', seed: 833527040 },
      { at: 3018, kind: 'burst', seed: 858155149 },
      { at: 3371, kind: 'burst', seed: 1399061984 }
    ], 5371)
  },
  {
    name: 'an attempt that waits for another one has failed with that',
    plan: plan(300193, { lag: 5000, maxStale: 600, rotateEvery: 86400 }, [
      { at: 725, kind: 'token', seed: 524282887 },
      { at: 1053, kind: 'disable', seed: 1232140312 },
      { at: 1867, kind: 'burst', seed: 200561130 },
      { at: 1987, kind: 'token', seed: 197516789 },
      { at: 2438, kind: 'flaky', seed: 469986573 },
      { at: 2496, kind: 'flaky', seed: 215768661 },
      { at: 2635, kind: 'failover', seed: 676077067 },
      { at: 2640, kind: 'burst', seed: 1441070220 },
      { at: 2650, kind: 'burst', seed: 695673008 },
      { at: 3453, kind: 'failover', seed: 1419168731 },
      { at: 3458, kind: 'burst', seed: 2035823028 },
      { at: 3822, kind: 'token', seed: 1254597387 },
      { at: 4232, kind: 'burst', seed: 777508909 }
    ], 6232)
  },
  {
    name: 'keys that were read count, however long the key that is due takes to be written',
    plan: plan(300003, { servers: 1, tokenLifetime: 3600, maxStale: 600, clients: 1 }, [
      { at: 757, kind: 'token', seed: 395970306 },
      { at: 1340, kind: 'burst', seed: 1756015831 },
      { at: 461678, kind: 'slow', seed: 2041181207 },
      { at: 461695, kind: 'slow', seed: 1450315078 },
      { at: 461717, kind: 'token', seed: 1993245197 },
      { at: 461741, kind: 'token', seed: 1957764493 },
      { at: 461775, kind: 'burst', seed: 718933202 },
      { at: 461807, kind: 'token', seed: 936957643 },
      { at: 462331, kind: 'burst', seed: 1588065126 },
      { at: 463422, kind: 'burst', seed: 1565007893 },
      { at: 463969, kind: 'slow', seed: 905855934 },
      { at: 463984, kind: 'slow', seed: 1261035443 },
      { at: 464531, kind: 'burst', seed: 1905604920 },
      { at: 465299, kind: 'burst', seed: 497968391 }
    ], 467299)
  },
  {
    name: 'an attempt does not wait permanently for another one that gets no answer',
    plan: plan(300076, { servers: 1, lag: 5000, maxStale: 600, rotateEvery: 86400, clients: 1 }, [
      { at: 666, kind: 'token', seed: 690789485 },
      { at: 1197, kind: 'burst', seed: 2932595 },
      { at: 1265, kind: 'flaky', seed: 309510659 },
      { at: 1359, kind: 'flaky', seed: 121129766 },
      { at: 1823, kind: 'disable', seed: 602291586 },
      { at: 1890, kind: 'burst', seed: 1781203091 },
      { at: 2683, kind: 'failover', seed: 597451108 },
      { at: 2692, kind: 'burst', seed: 1337537603 },
      { at: 3045, kind: 'disable', seed: 1808329706 },
      { at: 3108, kind: 'burst', seed: 366582769 },
      { at: 3684, kind: 'failover', seed: 486262769 },
      { at: 3692, kind: 'burst', seed: 94806662 },
      { at: 3961, kind: 'disable', seed: 1841402496 },
      { at: 4095, kind: 'burst', seed: 1203020276 },
      { at: 4468, kind: 'failover', seed: 1047975402 },
      { at: 4473, kind: 'burst', seed: 1107582319 },
      { at: 4739, kind: 'disable', seed: 734714484 },
      { at: 4797, kind: 'burst', seed: 2127931231 },
      { at: 5136, kind: 'failover', seed: 1623880137 },
      { at: 5148, kind: 'burst', seed: 607834509 },
      { at: 5411, kind: 'disable', seed: 1167718315 },
      { at: 5482, kind: 'burst', seed: 844028349 },
      { at: 5804, kind: 'failover', seed: 632594749 },
      { at: 5812, kind: 'burst', seed: 775332730 },
      { at: 6049, kind: 'disable', seed: 417322098 },
      { at: 6112, kind: 'burst', seed: 657798485 },
      { at: 6875, kind: 'failover', seed: 1409722088 },
      { at: 6880, kind: 'burst', seed: 82265236 }
    ], 8880)
  }
]
