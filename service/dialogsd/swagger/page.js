'use strict';

window.ui = SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  validatorUrl: null, // nothing is sent to anybody else
  layout: 'BaseLayout',
  presets: [SwaggerUIBundle.presets.apis],
});
