#include "wire/digest.h"

#include "wire/base64.h"

#include <array>

#include <openssl/evp.h>

namespace gapless::wire {

std::string Sha256Hex(ByteSpan bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  GAPLESS_CHECK(done == 1);
  std::string hex;
  AppendHex(std::as_bytes(std::span(digest.data(), size)), &hex);
  return hex;
}

}  // namespace gapless::wire
