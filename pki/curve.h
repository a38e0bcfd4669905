// Whether a point is on P-256 (SEC 2, FIPS 186-4 D.1.2.3), for millions of them: about a tenth of a microsecond, where
// loading a key into OpenSSL takes fifty. Public data only: not in constant time. Any thread.
#pragma once

#include "base/bytes.h"

namespace smki::pki {

// `point` is 04 || x || y: 65 octets, x and y below the field's prime, and y^2 = x^3 - 3x + b.
bool IsOnCurve(ByteSpan point);

}  // namespace smki::pki
