// A simulated HSM for deterministic simulation: a real PKCS#11 module (libsmki_sim_hsm.so, for
// hsm/pkcs11/module.h's Module::Load(path, "")) and, beside it, the hands that hold it.
//
// It answers as SoftHSM 2 does, as far as our code asks; what it does not offer is CKR_FUNCTION_NOT_SUPPORTED. It has
// no thread, clock, randomness or file: same calls, same answers. Only handles are not begun anew, by nothing: a handle
// that died never comes to life again. One thread.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace smki::simulation {

class SimHsm {
 public:
  // Forgets everything: tokens, sessions, the functions set below. Only C_Initialize stays in force. Keys come from
  // `seed` by HKDF-SHA-256 (info: token label, key label, how many-th key of that name).
  virtual void Reset(std::span<const uint8_t> seed) = 0;

  // Everything the tokens hold durably (not sessions, logins, or who is present), private keys included; same content,
  // same octets. The seed is not part of it.
  virtual std::vector<uint8_t> Save() const = 0;
  // Ends all sessions. What Save did not give ends the process.
  virtual void Restore(std::span<const uint8_t> saved) = 0;

  // Asked before each Cryptoki function that reaches a token (not C_Initialize, C_Finalize, C_CloseSession): its name
  // and the token's label, "" before there is a session. CKR_OK: go on. Anything else is returned by the function,
  // which then has had no effect, but for C_Sign: there is no signature, and its C_SignInit is used up (PKCS#11 2.40
  // section 5.11). Before may use this object, and set the next Before; the two below may only look. None may throw.
  using Before = std::function<unsigned long(const char* function, const std::string& token)>;
  virtual void SetBefore(Before before) = 0;

  // Told of each signature made: token label, key label, the 32 octets signed.
  using OnSign = std::function<void(const std::string& token, const std::string& key, std::span<const uint8_t> digest)>;
  virtual void SetOnSign(OnSign on_sign) = 0;
  // Told of each login, of user or security officer, and each end of one, whatever ended it.
  using OnLogin = std::function<void(const std::string& token, bool logged_in)>;
  virtual void SetOnLogin(OnLogin on_login) = 0;

  // The token's sessions die, as when its cable is pulled for a moment: CKR_SESSION_HANDLE_INVALID; the login is gone.
  virtual void KillSessions(const std::string& token) = 0;
  // A token that is not there: C_GetSlotList(tokenPresent) does not show it, its sessions die as above, everything with
  // its slot is CKR_TOKEN_NOT_PRESENT, until it is back.
  virtual void SetPresent(const std::string& token, bool present) = 0;

  // For checkers: the public point (65 octets, 04||x||y) of a key; empty if there is none. Present or not.
  virtual std::vector<uint8_t> PublicPointOf(const std::string& token, const std::string& key) const = 0;

 protected:
  ~SimHsm() = default;  // the module's own, for as long as the process lives
};

// The module's entry to it. Of another compiler or another version of this header it must not be called.
extern "C" SimHsm* SmkiSimHsm();

// The same by the module's path, before or after Module::Load; null if it cannot be loaded.
inline SimHsm* LoadSimHsm(const std::string& library) {
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) return nullptr;
  const auto entry = reinterpret_cast<decltype(&SmkiSimHsm)>(::dlsym(handle, "SmkiSimHsm"));
  return entry != nullptr ? entry() : nullptr;
}

}  // namespace smki::simulation
