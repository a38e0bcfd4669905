#include "hsm/signer/identity_key.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"

namespace smki::hsm {
namespace {
constexpr size_t kMaxPem = 64 * 1024;
constexpr mode_t kOfOthers = 077;
}  // namespace

StatusOr<pki::PrivateKey> ReadIdentityKey(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return NotFound("{}: {}", path, std::strerror(errno));
  if ((info.st_mode & kOfOthers) != 0) {
    return FailedPrecondition("{}: others may read this private key; run: chmod 600 {}", path, path);
  }
  SMKI_ASSIGN_OR_RETURN(Bytes octets, PosixFiles().Read(path, kMaxPem));
  const Secret pem(std::move(octets));
  auto key = pki::PrivateKey::FromPem(AsText(pem.span()));
  if (!key.ok()) return WithContext(key.status(), path);
  return key;
}

}  // namespace smki::hsm
