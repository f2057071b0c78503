// Plans that have failed once, as small as they could be made: each is run in every test.
import { MUTATION_PLANS } from './mutation-plans.ts'
import { plan } from './regression.ts'
import type { Regression } from './regression.ts'

export const REGRESSIONS: readonly Regression[] = [
  {
    name: 'the loss of an own write is noticed though another own write has its position',
    plan: plan(2125, { clockTolerance: 5, tokenLifetime: 3600 }, [
      { at: 2201.0163997683876, kind: 'revoke secret', seed: 1916336230 },
      { at: 2217.9235758404843, kind: 'unfenced failover', seed: 1415444701 },
      { at: 2349.893294192457, kind: 'revoke all', seed: 395205433 }
    ], 161_454)
  },
  {
    name: 'the generation of all clients is never forgotten by the database alone',
    plan: plan(562, { servers: 3, hasSecondDatabase: true, pageSize: 1, clockTolerance: 5, maxStale: 3, clients: 3 }, [
      { at: 62575.042195079055, kind: 'remove', seed: 496935214 },
      { at: 63008.620927391145, kind: 'revoke all', seed: 189203707 },
      { at: 63011.7058544636, kind: 'add', seed: 304806495 },
      { at: 445630.28924800124, kind: 'token', seed: 2120046061 },
      { at: 445638.25033262064, kind: 'remove', seed: 2066170139 }
    ], 844_957)
  },
  {
    name: 'an attempt to start that gets no answer is given up',
    plan: plan(876, { servers: 2 }, [
      { at: 500, kind: 'cut', seed: 3 },
      { at: 600, kind: 'restart', seed: 3 },
      { at: 700, kind: 'restart', seed: 5 },
      { at: 800, kind: 'token', seed: 7 },
      { at: 900, kind: 'burst', seed: 9 }
    ], 100_000)
  },
  {
    name: 'a disabled client gets no token from who holds that, though a restored backup has it enabled',
    plan: plan(897, { isSynchronous: true, lag: 5000, tokenLifetime: 3600, clockTolerance: 5, maxStale: 600, rotateEvery: 86_400 }, [
      { at: 700, kind: 'backup', seed: 53166014 },
      { at: 1900, kind: 'disable', seed: 1324896810 },
      { at: 9000, kind: 'restore', seed: 283001766 }
    ], 20_000)
  },
  {
    name: 'a guard that holds the entries alone writes back what it holds of clients',
    plan: plan(1826, { servers: 1, guards: 1, clockTolerance: 5, maxStale: 0, rotateEvery: 86400 }, [
      { at: 344097.73465886974, kind: 'token', seed: 1002285765 },
      { at: 349847.8982013246, kind: 'present', seed: 1621008591 },
      { at: 349851.4876814275, kind: 'backup', seed: 313672061 },
      { at: 349855.50809791416, kind: 'pausing writer', seed: 1464075346 },
      { at: 531459.213685047, kind: 'burst', seed: 213542597 },
      { at: 531474.1059319975, kind: 'restore', seed: 11879078 }
    ], 534_166)
  },
  {
    name: 'a cut-off is kept for the longest lifetime, though its writer has just started with a shorter one',
    plan: plan(6978, { hasRegistry: false, isSynchronous: true, lag: 20, tokenLifetime: 5_184_000, clockTolerance: 5, rotateEvery: 86400 }, [
      { at: 696.5060608953536, kind: 'change options', seed: 1762604121 },
      { at: 1631.781535147105, kind: 'token', seed: 1213041044 },
      { at: 4940.411059591589, kind: 'revoke tokens', seed: 2069032492 },
      { at: 4947.6461024258015, kind: 'token', seed: 1036790424 }
    ], 2_832_716)
  },
  {
    name: 'a process with a shorter lifetime, and keys in a store without settings, drops no key that others need',
    plan: plan(102_606, { guards: 1, hasRegistry: false, isSynchronous: true, lag: 5000, tokenLifetime: 5_184_000, clockTolerance: 60, maxStale: 3, hasSlowSecret: true }, [
      { at: 1141727.9462638989, kind: 'token', seed: 1726754580 },
      { at: 4123327.924289831, kind: 'change options', seed: 1084516751 },
      { at: 4123370.29467497, kind: 'token', seed: 1325971098 }
    ], 4_478_954)
  },
  {
    name: 'the revocation of a key that was lost before it was written is written all the same',
    plan: plan(103_070, { servers: 1, guards: 1, hasSecondDatabase: true, lag: 5000, tokenLifetime: 3600, clockTolerance: 5, maxStale: 3, rotateEvery: 86400 }, [
      { at: 13088.03832059958, kind: 'token', seed: 2054987807 },
      { at: 14377.910100635852, kind: 'present', seed: 704568662 },
      { at: 14403.116574510168, kind: 'revoke key', seed: 99839896 },
      { at: 14405.591438393287, kind: 'failover', seed: 879333040 }
    ], 18074)
  },
  {
    name: 'a process whose clock is ahead drops no key that others need',
    plan: plan(14572, { lag: 5000, maxStale: 600, hasSlowSecret: true }, [
      { at: 12457.044321064368, kind: 'token', seed: 1603250004 },
      { at: 863797.6687073249, kind: 'token', seed: 976248617 },
      { at: 863873.4939296313, kind: 'burst', seed: 1954220740 },
      { at: 863981.1036252705, kind: 'clock step', seed: 582261309 }
    ], 864_479)
  },
  {
    name: 'a write that was decided in a lost history is not applied to a client that was written back',
    plan: plan(24390, { lag: 20, tokenLifetime: 5_184_000, clockTolerance: 60, rotateEvery: 86400, clients: 1, hasSlowSecret: true }, [
      { at: 783.2304693913358, kind: 'disable', seed: 1219978280 },
      { at: 1065.6214371117226, kind: 'revoke tokens', seed: 614310400 },
      { at: 1452.5010702116094, kind: 'backup', seed: 427825379 },
      { at: 1522.2036418124865, kind: 'revoke tokens', seed: 1212116553 },
      { at: 2027.2968315738387, kind: 'token', seed: 337893585 },
      { at: 2090.4045160002097, kind: 'rotate secret', seed: 988839519 },
      { at: 2399.353590894044, kind: 'token', seed: 1878928521 },
      { at: 2402.21621147076, kind: 'token', seed: 595487623 },
      { at: 3468.702760734895, kind: 'add', seed: 404667744 },
      { at: 3471.9708840965736, kind: 'token', seed: 736954796 },
      { at: 3476.116264862159, kind: 'add', seed: 272409380 },
      { at: 3478.4666491804114, kind: 'disable', seed: 1468347842 },
      { at: 3482.6824027313423, kind: 'restore', seed: 1292429883 },
      { at: 3484.3843632463436, kind: 'token', seed: 450496438 },
      { at: 3494.030979321911, kind: 'token', seed: 145237079 },
      { at: 3501.7397843394833, kind: 'pausing writer', seed: 1156343849 },
      { at: 3518.6801787615177, kind: 'slow', seed: 1612264538 },
      { at: 3934.8502330862593, kind: 'disable', seed: 1744497998 },
      { at: 4027.8663302500727, kind: 'disable', seed: 433280791 },
      { at: 4347.435483535118, kind: 'token', seed: 551201130 },
      { at: 4846.603420330474, kind: 'disable', seed: 1230193809 },
      { at: 5020.872056823647, kind: 'token', seed: 625935143 },
      { at: 6489.171859958548, kind: 'pausing writer', seed: 1055939874 },
      { at: 6550.046606621762, kind: 'restore', seed: 1407341343 }
    ], 6895)
  },
  {
    name: 'what has expired by the clock of the store alone is written back',
    plan: plan(19269, { lag: 20, clockTolerance: 60, hasSlowSecret: true }, [
      { at: 343596.60915871814, kind: 'database clock step', seed: 1297869205 },
      { at: 343603.8480860575, kind: 'token', seed: 1642395853 },
      { at: 343809.19597383833, kind: 'backup', seed: 423014464 },
      { at: 344537.98444170685, kind: 'revoke token', seed: 813163341 },
      { at: 549682.2204909598, kind: 'restore', seed: 660107008 }
    ], 555_600)
  },
  {
    name: 'an attempt that finds another history, and gets no answer then, has failed a second after it began',
    plan: plan(1003, { hasSecondDatabase: true, lag: 5000, tokenLifetime: 3600, clockTolerance: 60, maxStale: 3, clients: 1, hasSlowSecret: true }, [
      { at: 985.3264073754532, kind: 'kill', seed: 1184542869 },
      { at: 988.9914324424393, kind: 'kill', seed: 686685706 },
      { at: 1068.9956494139901, kind: 'token', seed: 1574885595 },
      { at: 1201.6222892775454, kind: 'assertion', seed: 2145995348 },
      { at: 1203.2588151410898, kind: 'revoke token', seed: 147172270 },
      { at: 1255.416285063644, kind: 'token', seed: 383738792 },
      { at: 1340.900881347908, kind: 'failover', seed: 93089622 },
      { at: 1887.1853924766856, kind: 'restart', seed: 1320161334 },
      { at: 2232.8581709528844, kind: 'token', seed: 1036031506 },
      { at: 2234.5486022588325, kind: 'revoke all', seed: 30310812 },
      { at: 2237.63015532675, kind: 'revoke key', seed: 1256473010 },
      { at: 2238.973538387905, kind: 'enable', seed: 1153478986 },
      { at: 2261.8661402333755, kind: 'enable', seed: 1405326764 },
      { at: 2301.646255843112, kind: 'token', seed: 1762995947 },
      { at: 2372.6442024249077, kind: 'burst', seed: 1117894401 },
      { at: 2379.2518155963717, kind: 'present', seed: 880002208 },
      { at: 2438.066788281516, kind: 'token', seed: 1904379099 },
      { at: 2917.8302498292605, kind: 'token', seed: 477735006 },
      { at: 3183.196904120574, kind: 'token', seed: 768131830 },
      { at: 3985.4731003371753, kind: 'flaky', seed: 998039476 },
      { at: 4025.53313720976, kind: 'failover', seed: 647611862 },
      { at: 4061.736887556042, kind: 'token', seed: 1520752078 },
      { at: 4170.4022649757335, kind: 'assertion', seed: 912662511 },
      { at: 4226.733343453809, kind: 'present', seed: 1805334653 },
      { at: 4240.942375553152, kind: 'revoke secret', seed: 543005217 },
      { at: 4244.03085289514, kind: 'revoke token', seed: 1553194340 }
    ], 6962)
  },
  {
    name: 'a write that was decided in a lost history finds another version, though no generation was raised',
    plan: plan(8177, { legacy: 1, clockTolerance: 5, maxStale: 600, hasSlowSecret: true }, [
      { at: 660.0946987539612, kind: 'token', seed: 2135465710 },
      { at: 747.0097324709997, kind: 'token', seed: 1723946239 },
      { at: 1180.807186749991, kind: 'rotate secret', seed: 667752439 },
      { at: 1186.2590187872872, kind: 'revoke tokens', seed: 1965674968 },
      { at: 1202.4892822834638, kind: 'present', seed: 1484829010 },
      { at: 1267.5202588050452, kind: 'pausing writer', seed: 100140797 },
      { at: 1401.0039547855854, kind: 'failover', seed: 1315131530 },
      { at: 1730.6909322959787, kind: 'pausing writer', seed: 498691324 },
      { at: 2905.186238595411, kind: 'token', seed: 1605585716 },
      { at: 2911.761095750035, kind: 'pausing writer', seed: 1593587462 }
    ], 3983)
  },
  {
    name: 'a token request that a store never answers costs ever fewer timers',
    plan: plan(3141, { jwksReaders: 1, isSynchronous: true, clockTolerance: 60, maxStale: 600 }, [
      { at: 625.8470677367484, kind: 'token', seed: 749810138 },
      { at: 45444342.48687649, kind: 'token', seed: 2045024652 },
      { at: 45444704.873368114, kind: 'cut', seed: 455374746 },
      { at: 45444711.873083316, kind: 'burst', seed: 871914814 },
      { at: 45444717.76785411, kind: 'guess', seed: 1170387651 },
      { at: 45444883.63503879, kind: 'present', seed: 2051730222 },
      { at: 45444919.44806334, kind: 'token', seed: 792944800 }
    ], 147054297)
  },
  ...MUTATION_PLANS
]
