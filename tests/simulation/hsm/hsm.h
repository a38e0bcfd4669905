// The simulated HSM itself. Its Cryptoki functions have the standard's names, arguments and results (PKCS#11 2.40
// section 5); cryptoki.cc puts them into the module's function list.
#pragma once

#include <p11-kit/pkcs11.h>

#include <map>
#include <string>
#include <vector>

#include "tests/simulation/hsm/sim_hsm.h"
#include "tests/simulation/hsm/tokens.h"

namespace smki::simulation {

class Hsm final : public SimHsm {
 public:
  void Reset(ByteSpan seed) override;
  Bytes Save() const override { return held_.Encode(); }
  void Restore(ByteSpan saved) override;
  void SetBefore(Before before) override { before_ = std::move(before); }
  void SetOnSign(OnSign on_sign) override { on_sign_ = std::move(on_sign); }
  void SetOnLogin(OnLogin on_login) override { on_login_ = std::move(on_login); }
  void KillSessions(const std::string& token) override;
  void SetPresent(const std::string& token, bool present) override;
  Bytes PublicPointOf(const std::string& token, const std::string& key) const override;

  CK_RV C_Initialize(void* arguments);
  CK_RV C_Finalize(void* reserved);
  CK_RV C_GetSlotList(CK_BBOOL present, CK_SLOT_ID* slots, CK_ULONG* count);
  CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO* info);
  CK_RV C_InitToken(CK_SLOT_ID slot, CK_UTF8CHAR* pin, CK_ULONG pin_size, CK_UTF8CHAR* label);
  CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void* application, CK_NOTIFY notify, CK_SESSION_HANDLE* session);
  CK_RV C_CloseSession(CK_SESSION_HANDLE session);
  CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG pin_size);
  CK_RV C_Logout(CK_SESSION_HANDLE session);
  CK_RV C_InitPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR* pin, CK_ULONG pin_size);
  CK_RV C_SetPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR* old_pin, CK_ULONG old_size, CK_UTF8CHAR* pin,
                 CK_ULONG pin_size);
  CK_RV C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE* wanted, CK_ULONG count, CK_OBJECT_HANDLE* object);
  CK_RV C_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* changes, CK_ULONG count,
                     CK_OBJECT_HANDLE* copy);
  CK_RV C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object);
  CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted, CK_ULONG count);
  CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE* wanted, CK_ULONG count);
  CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE* found, CK_ULONG most, CK_ULONG* count);
  CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session);
  CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key);
  CK_RV C_Sign(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG data_size, CK_BYTE* signature, CK_ULONG* size);
  CK_RV C_GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_ATTRIBUTE* wanted, CK_ULONG count,
                      CK_OBJECT_HANDLE* key);
  CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_ATTRIBUTE* public_wanted,
                          CK_ULONG public_count, CK_ATTRIBUTE* private_wanted, CK_ULONG private_count,
                          CK_OBJECT_HANDLE* public_key, CK_OBJECT_HANDLE* private_key);

 private:
  enum class Operation { kNone, kFind, kSign };
  struct Session {
    Token* token;
    bool writes;
    Operation operation = Operation::kNone;  // one at a time, as in SoftHSM
    std::vector<CK_OBJECT_HANDLE> found;     // kFind: what is not given out yet, the next last
    CK_OBJECT_HANDLE key = 0;                // kSign
  };
  struct Known {
    Token* token;
    Object* object;
  };

  // Each of these is CKR_OK or what the Cryptoki function must return.
  CK_RV Ask(const char* function, const std::string& token) const;
  CK_RV Enter(const char* function, CK_SESSION_HANDLE handle, Session*& session);
  CK_RV Look(const Session& session, CK_OBJECT_HANDLE handle, Object*& object) const;
  CK_RV Reach(CK_SLOT_ID slot, Token*& token) const;
  static CK_RV MayWrite(const Session& session, const Object& object);

  CK_OBJECT_HANDLE HandleOf(Token& token, Object& object);
  CK_OBJECT_HANDLE Add(CK_SESSION_HANDLE handle, Session& session, Attributes attributes);
  template <typename Condition>
  void RemoveObjects(Token& token, Condition condition);
  template <typename Condition>
  void ForgetHandles(Token& token, Condition condition);
  bool HasSessions(const Token& token) const;
  bool HasReadOnlySessions(const Token& token) const;
  void BeginLogin(Token& token, Login login);
  void EndLogin(Token& token);
  void EndSession(CK_SESSION_HANDLE handle);
  void EndSessions(const Token& token);
  void EndAllSessions();

  Bytes seed_;
  bool initialised_ = false;
  Tokens held_;
  std::map<CK_SESSION_HANDLE, Session> sessions_;
  std::map<CK_OBJECT_HANDLE, Known> known_;
  CK_ULONG last_handle_ = 0;  // of sessions and objects, for as long as the process lives
  Before before_;
  OnSign on_sign_;
  OnLogin on_login_;
};

// The one of this process.
Hsm& TheHsm();

}  // namespace smki::simulation
