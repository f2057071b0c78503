/** The requirements of a flow's profile on client assertions. */
export interface AssertionRules {
  /** Whether `aud` must be a string (FAPI 2.0 Security Profile §5.3.2.1). Default false: an array of one value is accepted too. */
  readonly isAudienceString?: boolean
}
