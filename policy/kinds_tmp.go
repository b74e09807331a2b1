package policy
const maxDigits = 40
