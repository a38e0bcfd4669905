#include "hsm/pkcs11/result.h"

namespace smki::hsm::pkcs11 {
namespace {

struct Named {
  CK_RV result;
  const char* name;
  StatusCode code;
};

#define SMKI_RESULT(name, code) \
  { name, #name, StatusCode::code }
constexpr Named kNames[] = {
    SMKI_RESULT(CKR_HOST_MEMORY, kResourceExhausted),
    SMKI_RESULT(CKR_SLOT_ID_INVALID, kNotFound),
    SMKI_RESULT(CKR_GENERAL_ERROR, kUnavailable),
    SMKI_RESULT(CKR_FUNCTION_FAILED, kUnavailable),
    SMKI_RESULT(CKR_ARGUMENTS_BAD, kInternal),
    SMKI_RESULT(CKR_ATTRIBUTE_READ_ONLY, kFailedPrecondition),
    SMKI_RESULT(CKR_ATTRIBUTE_SENSITIVE, kPermissionDenied),
    SMKI_RESULT(CKR_ATTRIBUTE_TYPE_INVALID, kInternal),
    SMKI_RESULT(CKR_ATTRIBUTE_VALUE_INVALID, kInternal),
    SMKI_RESULT(CKR_DATA_LEN_RANGE, kInternal),
    SMKI_RESULT(CKR_DEVICE_ERROR, kUnavailable),
    SMKI_RESULT(CKR_DEVICE_MEMORY, kResourceExhausted),
    SMKI_RESULT(CKR_DEVICE_REMOVED, kUnavailable),
    SMKI_RESULT(CKR_KEY_HANDLE_INVALID, kUnavailable),
    SMKI_RESULT(CKR_KEY_FUNCTION_NOT_PERMITTED, kPermissionDenied),
    SMKI_RESULT(CKR_MECHANISM_INVALID, kInternal),
    SMKI_RESULT(CKR_OBJECT_HANDLE_INVALID, kUnavailable),
    SMKI_RESULT(CKR_OPERATION_ACTIVE, kInternal),
    SMKI_RESULT(CKR_OPERATION_NOT_INITIALIZED, kInternal),
    SMKI_RESULT(CKR_PIN_INCORRECT, kPermissionDenied),
    SMKI_RESULT(CKR_PIN_INVALID, kInvalidArgument),
    SMKI_RESULT(CKR_PIN_LEN_RANGE, kInvalidArgument),
    SMKI_RESULT(CKR_PIN_EXPIRED, kPermissionDenied),
    SMKI_RESULT(CKR_PIN_LOCKED, kPermissionDenied),
    SMKI_RESULT(CKR_SESSION_CLOSED, kUnavailable),
    SMKI_RESULT(CKR_SESSION_COUNT, kResourceExhausted),
    SMKI_RESULT(CKR_SESSION_HANDLE_INVALID, kUnavailable),
    SMKI_RESULT(CKR_SESSION_READ_ONLY, kInternal),
    SMKI_RESULT(CKR_SESSION_EXISTS, kFailedPrecondition),
    SMKI_RESULT(CKR_TEMPLATE_INCOMPLETE, kInternal),
    SMKI_RESULT(CKR_TEMPLATE_INCONSISTENT, kInternal),
    SMKI_RESULT(CKR_TOKEN_NOT_PRESENT, kNotFound),
    SMKI_RESULT(CKR_TOKEN_NOT_RECOGNIZED, kUnavailable),
    SMKI_RESULT(CKR_TOKEN_WRITE_PROTECTED, kFailedPrecondition),
    SMKI_RESULT(CKR_USER_NOT_LOGGED_IN, kPermissionDenied),
    SMKI_RESULT(CKR_USER_PIN_NOT_INITIALIZED, kFailedPrecondition),
    SMKI_RESULT(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, kFailedPrecondition),
    SMKI_RESULT(CKR_CRYPTOKI_NOT_INITIALIZED, kInternal),
    SMKI_RESULT(CKR_CRYPTOKI_ALREADY_INITIALIZED, kFailedPrecondition),
};
#undef SMKI_RESULT

const Named* Find(CK_RV result) {
  for (const Named& named : kNames) {
    if (named.result == result) return &named;
  }
  return nullptr;
}

}  // namespace

std::string ResultName(CK_RV result) {
  const Named* named = Find(result);
  return named != nullptr ? named->name : fmt::format("CKR {:#x}", result);
}

Status FromResult(CK_RV result, const char* function, const std::string& about) {
  if (result == CKR_OK) return OkStatus();
  const Named* named = Find(result);
  return Error(named != nullptr ? named->code : StatusCode::kInternal, "{}: {} returned {}", about, function,
               ResultName(result));
}

}  // namespace smki::hsm::pkcs11
