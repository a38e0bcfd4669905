// The function list of the loaded library. Private to hsm/pkcs11.
#pragma once

#include <p11-kit/pkcs11.h>

#include "hsm/pkcs11/module.h"

namespace smki::hsm::pkcs11 {

struct Module::Functions {
  CK_FUNCTION_LIST* list = nullptr;
  std::string library;
};

}  // namespace smki::hsm::pkcs11
