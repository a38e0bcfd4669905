// CKR_ codes as Status. Private to hsm/pkcs11.
#pragma once

#include <p11-kit/pkcs11.h>

#include "base/status.h"

namespace smki::hsm::pkcs11 {

// "CKR_PIN_INCORRECT", or "CKR 0x..." for a code without a name here.
std::string ResultName(CK_RV result);
Status FromResult(CK_RV result, const char* function, const std::string& about);

}  // namespace smki::hsm::pkcs11
