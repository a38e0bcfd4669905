// The module's two entries, and its function list.
#include <new>

#include "tests/simulation/hsm/hsm.h"

namespace smki::simulation {
namespace {

template <auto kMethod>
struct Offered;
template <typename... Arguments, CK_RV (Hsm::*kMethod)(Arguments...)>
struct Offered<kMethod> {
  // Nothing is thrown through Cryptoki.
  static CK_RV Call(Arguments... arguments) {
    try {
      return (TheHsm().*kMethod)(arguments...);
    } catch (const std::bad_alloc&) {
      return CKR_HOST_MEMORY;
    } catch (...) {
      return CKR_GENERAL_ERROR;
    }
  }
};

template <typename Function>
struct Refused;
template <typename... Arguments>
struct Refused<CK_RV (*)(Arguments...)> {
  static CK_RV Call(Arguments...) { return CKR_FUNCTION_NOT_SUPPORTED; }
};

template <typename... Functions>
void Refuse(Functions&... functions) {
  ((functions = Refused<Functions>::Call), ...);
}

void RefuseTheRest(CK_FUNCTION_LIST& l) {
  Refuse(l.C_GetInfo, l.C_GetSlotInfo, l.C_GetMechanismList, l.C_GetMechanismInfo, l.C_CloseAllSessions,
         l.C_GetSessionInfo, l.C_GetOperationState, l.C_SetOperationState, l.C_GetObjectSize, l.C_SetAttributeValue,
         l.C_EncryptInit, l.C_Encrypt, l.C_EncryptUpdate, l.C_EncryptFinal, l.C_DecryptInit, l.C_Decrypt,
         l.C_DecryptUpdate, l.C_DecryptFinal, l.C_DigestInit, l.C_Digest, l.C_DigestUpdate, l.C_DigestKey,
         l.C_DigestFinal, l.C_SignUpdate, l.C_SignFinal, l.C_SignRecoverInit, l.C_SignRecover, l.C_VerifyInit,
         l.C_Verify, l.C_VerifyUpdate, l.C_VerifyFinal, l.C_VerifyRecoverInit, l.C_VerifyRecover,
         l.C_DigestEncryptUpdate, l.C_DecryptDigestUpdate, l.C_SignEncryptUpdate, l.C_DecryptVerifyUpdate, l.C_WrapKey,
         l.C_UnwrapKey, l.C_DeriveKey, l.C_SeedRandom, l.C_GenerateRandom, l.C_GetFunctionStatus, l.C_CancelFunction,
         l.C_WaitForSlotEvent);
}

CK_FUNCTION_LIST MakeList() {
  CK_FUNCTION_LIST l{};
  l.version = {CRYPTOKI_VERSION_MAJOR, CRYPTOKI_VERSION_MINOR};
  l.C_GetFunctionList = ::C_GetFunctionList;
#define SMKI_OFFER(name) l.name = Offered<&Hsm::name>::Call
  SMKI_OFFER(C_Initialize);
  SMKI_OFFER(C_Finalize);
  SMKI_OFFER(C_GetSlotList);
  SMKI_OFFER(C_GetTokenInfo);
  SMKI_OFFER(C_InitToken);
  SMKI_OFFER(C_OpenSession);
  SMKI_OFFER(C_CloseSession);
  SMKI_OFFER(C_Login);
  SMKI_OFFER(C_Logout);
  SMKI_OFFER(C_InitPIN);
  SMKI_OFFER(C_SetPIN);
  SMKI_OFFER(C_CreateObject);
  SMKI_OFFER(C_CopyObject);
  SMKI_OFFER(C_DestroyObject);
  SMKI_OFFER(C_GetAttributeValue);
  SMKI_OFFER(C_FindObjectsInit);
  SMKI_OFFER(C_FindObjects);
  SMKI_OFFER(C_FindObjectsFinal);
  SMKI_OFFER(C_SignInit);
  SMKI_OFFER(C_Sign);
  SMKI_OFFER(C_GenerateKey);
  SMKI_OFFER(C_GenerateKeyPair);
#undef SMKI_OFFER
  RefuseTheRest(l);
  return l;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) SimHsm* SmkiSimHsm() {
  return &TheHsm();
}

}  // namespace smki::simulation

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  static CK_FUNCTION_LIST functions = smki::simulation::MakeList();
  if (list == nullptr) return CKR_ARGUMENTS_BAD;
  *list = &functions;
  return CKR_OK;
}
