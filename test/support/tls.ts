/**
 * A certificate for broker.test, localhost and 127.0.0.1, signed by itself, from 2020 to 2120, and its key. They guard
 * nothing: they are here so that TLS can be tried without a tool that makes them.
 */
export const testCertificate: string = `-----BEGIN CERTIFICATE-----
MIIBijCCATGgAwIBAgIUOE84ah6/rv7Dr89B/YV6SSV+DS0wCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLYnJva2VyLnRlc3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAx
MDEwMDAwMDBaMBYxFDASBgNVBAMMC2Jyb2tlci50ZXN0MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEwtP1im4KVzp+AVuHyBGPQlNKbJnf9N5LITJazlrAW/dDbeD0
PNLkS3gfr3+twTi9qboebaT9WCrnL3Zgltu9CqNbMFkwDwYDVR0TAQH/BAUwAwEB
/zAnBgNVHREEIDAeggticm9rZXIudGVzdIIJbG9jYWxob3N0hwR/AAABMB0GA1Ud
DgQWBBQxhwKBM19j1vGhR0V0Zi+VUgPzNDAKBggqhkjOPQQDAgNHADBEAiACvVov
Psepm1RvSfkzQyETkvm7mIDodSXzijrA3EB39AIgW8TmJJyaQpC20H8Ts6itGfQK
1jmN2U0r38e6MjIdqPc=
-----END CERTIFICATE-----
`;

export const testKey: string = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWzTYtxkhHCFXZ/tb
RidOeUqbg966XRC99VYJtLWMqhuhRANCAATC0/WKbgpXOn4BW4fIEY9CU0psmd/0
3kshMlrOWsBb90Nt4PQ80uRLeB+vf63BOL2puh5tpP1YKucvdmCW270K
-----END PRIVATE KEY-----
`;
