#include "sim/authority/token_key.h"

#include <sys/stat.h>

#include "base/file.h"

namespace smki::sim {
namespace {

constexpr size_t kMaxPin = 256;

}  // namespace

Secret NewPin(Random& random) {
  const Secret octets(random.Take(32));
  std::string hex = ToHex(octets.span());
  Secret pin(ToBytes(AsBytes(hex)));
  Zeroise(hex);
  return pin;
}

StatusOr<std::unique_ptr<hsm::pkcs11::TokenSigner>> OpenAuthorityKey(hsm::pkcs11::Module& module,
                                                                     const std::string& token,
                                                                     const std::string& pin_file) {
  struct stat info {};
  if (::stat(pin_file.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return PermissionDenied("{} can be read by others; it is a PIN: chmod 600 it", pin_file);
  }
  SMKI_ASSIGN_OR_RETURN(Bytes octets, PosixFiles().Read(pin_file, kMaxPin));
  const Secret pin(std::move(octets));
  SMKI_ASSIGN_OR_RETURN(const hsm::pkcs11::TokenUri uri, hsm::pkcs11::TokenUri::Parse(token));
  SMKI_ASSIGN_OR_RETURN(const hsm::pkcs11::Slot slot, module.FindToken(uri));
  auto opened = hsm::pkcs11::TokenSigner::Open(slot, pin, kAuthorityKeyLabel);
  if (!opened.ok()) return WithContext(opened.status(), fmt::format("{} with the PIN in {}", token, pin_file));
  return opened;
}

}  // namespace smki::sim
