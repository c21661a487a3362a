export declare const apiKeyId: Arbitrary.Arbitrary<ApiKeyId>

export declare const keyId: Arbitrary.Arbitrary<KeyId>

export declare const scopes: Arbitrary.Arbitrary<ReadonlyArray<Scope>>

export declare const instant: Arbitrary.Arbitrary<DateTime.Utc>

export declare const storedApiKey: Arbitrary.Arbitrary<StoredApiKey>
